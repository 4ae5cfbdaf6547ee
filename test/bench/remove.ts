import { setTimeout as sleep } from 'node:timers/promises'
import { openBare } from './bare.ts'
import type { Bench } from './bench.ts'
import { isDone } from './controller.ts'
import type { Sample } from './figure.ts'
import { networksOf } from './manifests.ts'
import { isAlive, pidsOf } from './processes.ts'
import { clearHost, vmm } from './root.ts'
import { captureFleet, type Scene, startFleet, withController } from './scene.ts'
import { repetitions } from './stage.ts'

const going = { count: 50 }
/** As many stay, since more than half at once would have to be confirmed. */
const staying = { count: 50, first: 50 }

/** Milliseconds that a manifest must be absent, since editors write a file by taking it away first. */
const absence = 1000

const reference =
  'bare: QMP quit to each of 50, then one `ip link del group`. Ours stops them by its policy (here at once), takes links, rules, runtime folders and records away, and leaves 50 others alone'

/** A file of 50 VMs goes; the clock stops when all of them and their links are gone and forgotten. */
export const remove: Bench = {
  name: 'remove',
  what: '50 of 100 VMs removed by taking their file away',
  async run(stage) {
    const bare = openBare(stage, await captureFleet(stage, going))
    const whole: Sample[] = []
    const acting: Sample[] = []
    try {
      for (let round = 0; round < repetitions(stage, 3); round += 1) {
        stage.say(`remove: ${round + 1} of ${repetitions(stage, 3)}`)
        const gone = bare.stop(bare.start())
        await clearHost()
        await sleep(1000)
        const took = await withController(stage, '', removeHalf)
        whole.push({ bare: gone, ours: took })
        acting.push({ bare: gone, ours: took - absence })
      }
    } finally {
      bare.close()
    }
    const note = `${reference}. The second that a file must be absent before its absence counts is left out`
    return [
      { name: '50 VMs removed', unit: 'ms', samples: acting, goal: { kind: 'ratio', most: 2 }, note },
      { name: '  with that second', unit: 'ms', samples: whole, goal: null, note: reference },
    ]
  },
}

async function removeHalf(scene: Scene): Promise<number> {
  const { root, controller } = scene
  await startFleet(scene, staying, 'staying.yaml')
  const others = pidsOf(vmm)
  await startFleet(scene, going, 'going.yaml')
  await sleep(1000)
  const from = controller.lines.length
  const at = root.take('going.yaml')
  const links = going.count + networksOf(going).length
  const last = await Promise.all([
    controller.until('links gone', isDone('removeLink/'), { from, count: links }),
    controller.until('VMs forgotten', isDone('forgetMachine/'), { from, count: going.count }),
    controller.until('rules gone', isDone('ensureRules'), { from }),
  ])
  const left = others.filter(isAlive).length
  if (left !== staying.count) throw new Error(`${staying.count - left} VMs that should stay went along`)
  if (pidsOf(vmm).length !== left) throw new Error('VMs that should go are still there')
  return Math.max(...last.map((line) => line.at)) - at
}
