import { setTimeout as sleep } from 'node:timers/promises'
import { type Bare, type BareStarted, openBare } from './bare.ts'
import type { Bench } from './bench.ts'
import type { Figure, Sample } from './figure.ts'
import { clearHost } from './root.ts'
import { captureFleet, startFleet, withController } from './scene.ts'
import { repetitions, type Stage } from './stage.ts'

const sizes = [
  { count: 1, times: 11, goal: 1.25 },
  { count: 10, times: 7, goal: 1.05 },
  { count: 50, times: 5, goal: 1.05 },
] as const

const paused =
  'bare: one `ip -batch` beside one `nft -f`, then the very same command lines, paused (-S), as many at a time as there are processors, until each answers on QMP. Ours also reads YAML, writes its ledger, takes privileges away, and lets the guests run'
const running = 'as above, with a reference whose guests run, too (no -S); for comparison'

/** A file of manifests appears; the clock stops when the last VM answers on QMP. */
export const start: Bench = {
  name: 'start',
  what: 'file drop -> every VMM answers on QMP',
  async run(stage) {
    const figures: Figure[] = []
    for (const size of sizes) figures.push(...(await measure(stage, size)))
    return figures
  },
}

async function measure(stage: Stage, { count, times, goal }: (typeof sizes)[number]): Promise<readonly Figure[]> {
  const fleet = { count }
  const bare = openBare(stage, await captureFleet(stage, fleet))
  const samples = { paused: [] as Sample[], running: [] as Sample[], cpu: [] as Sample[] }
  try {
    for (let round = 0; round < repetitions(stage, times); round += 1) {
      stage.say(`start ${count}: ${round + 1} of ${repetitions(stage, times)}`)
      const before = await bareStart(bare, true)
      const ours = await withController(stage, '', (scene) => startFleet(scene, fleet))
      const after = await bareStart(bare, false)
      samples.paused.push({ bare: before.ms, ours: ours.ms })
      samples.running.push({ bare: after.ms, ours: ours.ms })
      samples.cpu.push({ bare: before.cpu, ours: ours.cpu })
    }
  } finally {
    bare.close()
  }
  const name = `file drop -> ${count} ${count === 1 ? 'VM answers' : 'VMs answer'}`
  return [
    { name, unit: 'ms', samples: samples.paused, goal: { kind: 'ratio', most: goal }, note: paused },
    { name: '  beside running guests', unit: 'ms', samples: samples.running, goal: null, note: running },
    { name: '  CPU without the VMMs', unit: 'ms CPU', samples: samples.cpu, goal: null, note: null },
  ]
}

async function bareStart(bare: Bare, isPaused: boolean): Promise<BareStarted> {
  const started = bare.start({ paused: isPaused })
  await clearHost()
  await sleep(1000)
  return started
}
