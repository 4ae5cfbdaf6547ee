import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from './bench.ts'
import type { Figure } from './figure.ts'
import { networkManifest, networksOf, numbersOf, vmManifest, vmName } from './manifests.ts'
import { residentOf } from './processes.ts'
import { withController } from './scene.ts'
import { repetitions, type Stage } from './stage.ts'

/** Megabytes. */
const base = 80
const each = 0.05

/** Milliseconds of quiet before the look: garbage is collected when somebody is idle. */
const calm = 10_000

/** A file for each VM, as most people keep them. `strategy` Halted: specs alone. */
export function folderOf(count: number, strategy: 'Always' | 'Halted'): ReadonlyMap<string, string> {
  const fleet = { count, strategy }
  return new Map([
    ...networksOf(fleet).map((network) => [`net-${network}.yaml`, networkManifest(network)] as const),
    ...numbersOf(fleet).map((index) => [`${vmName(index)}.yaml`, vmManifest(index, fleet)] as const),
  ])
}

export const memoryGoal = (count: number): number => base + each * count

/** Specs of VMs that are Halted, so that what is measured is what the controller keeps of them. */
export const memory: Bench = {
  name: 'memory',
  what: 'resident memory of the controller at 0, 100 and 1000 specs',
  async run(stage) {
    const figures: Figure[] = []
    for (const count of [0, 100, stage.scale]) {
      const samples: { bare: null; ours: number }[] = []
      for (let round = 0; round < repetitions(stage, 3); round += 1) {
        stage.say(`memory ${count}: ${round + 1} of ${repetitions(stage, 3)}`)
        samples.push({ bare: null, ours: await residentAt(stage, count) })
      }
      figures.push({
        name: `memory at ${count} specs`,
        unit: 'MB',
        samples,
        goal: { kind: 'value', most: memoryGoal(count) },
        note: `VmRSS of Halted VMs in a file each, ${calm / 1000} s after the last of them was accepted; goal ${base} MB and ${each * 1000} kB a VM`,
      })
    }
    return figures
  },
}

function residentAt(stage: Stage, count: number): Promise<number> {
  return withController(stage, '', async ({ root, controller }) => {
    if (count > 0) root.dropFolder('fleet', folderOf(count, 'Halted'))
    for (const until = performance.now() + 120_000; (await controller.metric('moorage_microvms')) !== count; ) {
      if (performance.now() > until) throw new Error(`${count} specs were not accepted in two minutes`)
      await sleep(500)
    }
    await sleep(calm)
    return residentOf(controller.pid)
  })
}
