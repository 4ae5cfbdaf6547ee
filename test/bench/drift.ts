import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from './bench.ts'
import { isDone } from './controller.ts'
import { type Drift, driftsOf } from './drifts.ts'
import { type Feed, ipFeed, nftFeed } from './feed.ts'
import type { Figure } from './figure.ts'
import { end, pidsOf } from './processes.ts'
import { vmm } from './root.ts'
import { type Scene, startFleet, withController } from './scene.ts'
import { repetitions, type Stage } from './stage.ts'

const fleet = { count: 10 }

/** Milliseconds between two breaks: passes follow each other closely only while something happens. */
const calm = 400

const note = `ours: from writing the damage to one \`ip -batch\` or \`nft -i\` that waits, until the log says that it is mended; ${fleet.count} VMs run. bare: damage and repair written there one after the other by hand, which is the kernel's part of it`

/** Links, addresses and rules changed by somebody else; the clock stops when they are as they should be. */
export const drift: Bench = {
  name: 'drift',
  what: 'a link, membership, address or rule changed by hand -> mended',
  run: (stage) =>
    withController(stage, '', async (scene) => {
      await startFleet(scene, fleet)
      const drifts = driftsOf()
      const feeds = { ip: ipFeed(), nft: nftFeed() }
      const ours = new Map<Drift, readonly (readonly number[])[]>()
      for (const one of drifts) ours.set(one, await repeat(stage, one, () => breakOne(scene, one, feeds[one.feed])))
      // The rest is the kernel's alone.
      await scene.controller.kill()
      await end(pidsOf(vmm))
      const figures: Figure[] = []
      for (const one of drifts) {
        const byHand = one.repair.length > 0 ? await repeat(stage, one, () => feeds[one.feed].take(linesOf(one))) : []
        figures.push(...figuresOf(one, ours.get(one)!, byHand))
      }
      await Promise.all([feeds.ip.close(), feeds.nft.close()])
      return figures
    }),
}

const linesOf = ({ damage, repair }: Drift): readonly string[] => [damage, ...repair]

async function repeat<T>(stage: Stage, { name }: Drift, work: () => Promise<T>): Promise<readonly T[]> {
  stage.say(`drift: ${name}`)
  const samples: T[] = []
  for (let round = 0; round < repetitions(stage, 30); round += 1) {
    await sleep(calm)
    samples.push(await work())
  }
  return samples
}

/** Milliseconds until each of its marks. */
async function breakOne({ controller }: Scene, { name, damage, marks }: Drift, feed: Feed): Promise<readonly number[]> {
  const from = controller.lines.length
  const at = feed.write(damage)
  const lines = await Promise.all(
    marks.map(({ action }) => controller.until(name, isDone(action), { from, milliseconds: 20_000 })),
  )
  return lines.map((line) => line.at - at)
}

function figuresOf(
  { marks }: Drift,
  ours: readonly (readonly number[])[],
  byHand: readonly number[],
): readonly Figure[] {
  return marks.map(({ name, held }, mark) => ({
    name,
    unit: 'ms',
    samples: ours.map((values, round) => ({ bare: held ? (byHand[round] ?? null) : null, ours: values[mark]! })),
    goal: held ? { kind: 'spread', median: 25, worst: 100 } : null,
    note,
  }))
}
