import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from './bench.ts'
import { isDone, spawnController, untilReady } from './controller.ts'
import type { Sample } from './figure.ts'
import { pidsOf } from './processes.ts'
import { vmm } from './root.ts'
import { type Scene, startFleet, withController } from './scene.ts'
import { repetitions, type Stage } from './stage.ts'
import { openWitness } from './witness.ts'

const fleet = { count: 50 }

interface Observed {
  readonly took: number
  /** Links, addresses, rules and files that changed; actions; VMMs that are not the ones from before. */
  readonly changes: number
  readonly restarts: number
}

/** The controller is killed and started anew while VMs run; the clock stops when its first pass has ended. */
export const restart: Bench = {
  name: 'restart',
  what: 'the controller killed and started with 50 running VMs -> first whole pass; nothing may change',
  run: (stage) =>
    withController(stage, '', async (scene) => {
      await startFleet(scene, fleet)
      const all: Observed[] = []
      let current = scene
      for (let round = 0; round < repetitions(stage, 7); round += 1) {
        stage.say(`restart: ${round + 1} of ${repetitions(stage, 7)}`)
        await sleep(2500)
        const { observed, next } = await restartOnce(stage, current)
        all.push(observed)
        current = next
      }
      await current.controller.kill()
      const ours = (pick: (one: Observed) => number) => all.map((one): Sample => ({ bare: null, ours: pick(one) }))
      return [
        {
          name: 'restart beside 50 VMs -> first whole pass',
          unit: 'ms',
          samples: ours(({ took }) => took),
          goal: null,
          note: 'from the start of the process after kill -9, until the log says that the first pass is done',
        },
        {
          name: '  changes: links, rules, files, actions',
          unit: 'count',
          samples: ours(({ changes }) => changes),
          goal: { kind: 'value', most: 0 },
          note: 'as `ip monitor`, `nft monitor`, the log and the files below etc and var tell, two seconds long',
        },
        {
          name: '  VMs restarted',
          unit: 'count',
          samples: ours(({ restarts }) => restarts),
          goal: { kind: 'value', most: 0 },
          note: null,
        },
      ]
    }),
}

async function restartOnce(stage: Stage, { root, controller }: Scene): Promise<{ observed: Observed; next: Scene }> {
  await controller.kill()
  const before = new Set(pidsOf(vmm))
  const witness = await openWitness(root)
  const next = spawnController(stage, root)
  const { at } = await next.until('first pass', ({ msg }) => msg === 'the first pass is done')
  await untilReady(next)
  await sleep(2000)
  const changes = await witness.changes()
  witness.close()
  const actions = next.lines.filter(isDone('')).length
  for (const change of changes) stage.say(`restart: changed: ${change}`)
  const restarts = pidsOf(vmm).filter((pid) => !before.has(pid)).length
  return {
    observed: { took: at - next.spawnedAt, changes: changes.length + actions, restarts },
    next: { root, controller: next },
  }
}
