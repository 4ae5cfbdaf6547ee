import { setTimeout as sleep } from 'node:timers/promises'
import type { Bare } from './bare.ts'
import { openBare } from './bare.ts'
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
  const pausedSamples: Sample[] = []
  const runningSamples: Sample[] = []
  try {
    for (let round = 0; round < repetitions(stage, times); round += 1) {
      stage.say(`start ${count}: ${round + 1} of ${repetitions(stage, times)}`)
      const before = await bareStart(bare, true)
      const ours = await withController(stage, '', (scene) => startFleet(scene, fleet))
      const after = await bareStart(bare, false)
      pausedSamples.push({ bare: before, ours })
      runningSamples.push({ bare: after, ours })
    }
  } finally {
    bare.close()
  }
  const name = `file drop -> ${count} ${count === 1 ? 'VM answers' : 'VMs answer'}`
  return [
    { name, unit: 'ms', samples: pausedSamples, goal: { kind: 'ratio', most: goal }, note: paused },
    { name: '  beside running guests', unit: 'ms', samples: runningSamples, goal: null, note: running },
  ]
}

async function bareStart(bare: Bare, isPaused: boolean): Promise<number> {
  const { ms } = bare.start({ paused: isPaused })
  await clearHost()
  await sleep(1000)
  return ms
}
