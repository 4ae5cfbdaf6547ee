import { setTimeout as sleep } from 'node:timers/promises'
import { type Bare, openBare } from './bare.ts'
import type { Bench } from './bench.ts'
import { isDone } from './controller.ts'
import type { Sample } from './figure.ts'
import { numbersOf, vmName } from './manifests.ts'
import { argvOf, end, pidsOf } from './processes.ts'
import { vmm } from './root.ts'
import { captureFleet, type Scene, startFleet, withController } from './scene.ts'
import { repetitions } from './stage.ts'

/** The reference's own VM, on a bridge of its own beside ours. */
const others = { count: 1, first: 900 }

const reference =
  'bare: one VMM started, paused, on links that are there, until it answers on QMP. Ours sees the death, clears the runtime folder, writes down the crash, starts anew; each VM is killed once, since a second crash has to wait'

/** A VMM is killed; the clock stops when its successor answers on QMP. */
export const kill: Bench = {
  name: 'kill',
  what: 'a VMM killed -> its successor answers on QMP',
  async run(stage) {
    const bare = openBare(stage, await captureFleet(stage, others))
    const fleet = { count: repetitions(stage, 11) }
    const samples: Sample[] = []
    try {
      await withController(stage, '', async (scene) => {
        await startFleet(scene, fleet)
        await end(bare.start().pids)
        for (const index of numbersOf(fleet)) {
          stage.say(`kill: ${index + 1} of ${fleet.count}`)
          await sleep(500)
          samples.push({ bare: await bareStart(bare), ours: await killOne(scene, vmName(index)) })
        }
      })
    } finally {
      bare.close()
    }
    const name = 'VMM killed -> successor answers'
    return [{ name, unit: 'ms', samples, goal: { kind: 'ratio', most: 1.5 }, note: reference }]
  },
}

async function bareStart(bare: Bare): Promise<number> {
  const { ms, pids } = bare.start({ network: false })
  await end(pids)
  return ms
}

async function killOne({ controller }: Scene, name: string): Promise<number> {
  const pid = pidsOf(vmm).find((one) => argvOf(one).some((word) => word.startsWith(`guest=default.${name},`)))
  if (pid === undefined) throw new Error(`${name} does not run`)
  const from = controller.lines.length
  const at = performance.now()
  process.kill(pid, 'SIGKILL')
  const { at: answered } = await controller.until(`successor of ${name}`, isDone('startMachine/'), { from })
  return answered - at
}
