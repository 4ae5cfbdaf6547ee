import { workClusters } from './cluster/work.ts'
import { drill, drills } from './drills.ts'
import { enumerateOne, enumerateTwo, type Harm } from './enumerate.ts'
import { type FieldReport, playFields } from './fields.ts'
import { begin } from './progress.ts'
import { simulate } from './simulate.ts'
import { stories } from './stories.ts'

/** What one process does of a run: every `of`-th seed and story, from the `index`-th on. */
export interface Share {
  readonly index: number
  readonly of: number
  readonly first: number
  /** Seeds of all shares together; null: as many as there is time for. */
  readonly seeds: number | null
  /** Clusters of all shares together; null: as many as there is time for. */
  readonly clusters: number | null
  readonly milliseconds: number | null
  readonly crashes: boolean
  readonly pairs: boolean
  readonly fields: boolean
}

export interface Violation {
  /** What to run again to see it. */
  readonly where: string
  readonly what: string
  readonly trace: readonly string[]
}

export interface Report {
  readonly seeds: number
  /** Seeds of clusters. */
  readonly clusters: number
  readonly steps: number
  readonly lives: number
  readonly crashPoints: number
  readonly stories: number
  /** Scenarios in which somebody does a thing on purpose. */
  readonly drills: number
  /** Seeds that were run twice and told the same. */
  readonly replayed: number
  /** Seeds that did 1,000 idle passes. */
  readonly restless: number
  readonly faults: Readonly<Record<string, number>>
  /** What became of every field with every value; null when that was not asked for. */
  readonly fields: Omit<FieldReport, 'violations'> | null
  /** Seeds by the turns that they took to rest, see {@link Convergence}: how many took none, one, two, ... */
  readonly turns: readonly number[]
  readonly violations: readonly Violation[]
}

/** One seed in so many is run twice, and rests for a thousand passes. */
const oneIn = 100
const longRest = 1000

/** Of a run for some minutes, what single hosts have of it; clusters have the rest. */
const hostsPart = 0.7

export async function work(share: Share): Promise<Report> {
  const began = performance.now()
  const untilAt = (part: number) => began + (share.milliseconds ?? Number.POSITIVE_INFINITY) * part
  const until = untilAt(hostsPart)
  const report = { seeds: 0, steps: 0, lives: 0, crashPoints: 0, stories: 0, drills: 0, replayed: 0, restless: 0 }
  const faults: Record<string, number> = {}
  const turns: number[] = []
  const violations: Violation[] = []
  for (let at = share.index; at < drills.length; at += share.of) {
    const one = drills[at]!
    report.drills += 1
    const where = `drill ${JSON.stringify(one.name)}`
    begin(where)
    const said = (error: unknown) => [error instanceof Error ? error.message : String(error)]
    const [what] = await drill(one).catch(said)
    if (what !== undefined) violations.push({ where, what, trace: [] })
  }
  const played = share.fields ? await playFields(share) : null
  for (const what of played?.violations ?? []) violations.push({ where: 'field', what, trace: [] })
  if (share.crashes) await enumerate(share, report, violations)
  const last = share.seeds === null ? Number.POSITIVE_INFINITY : share.first + share.seeds
  for (let seed = share.first + share.index; seed < last && performance.now() < until; seed += share.of) {
    const rests = seed % oneIn === 0
    const where = `npm run sim -- --seed ${seed}`
    begin(where)
    const outcome = await simulate(seed, rests ? { idle: longRest } : {})
    report.seeds += 1
    report.steps += outcome.steps
    report.lives += outcome.lives
    if (rests) report.restless += 1
    for (let index = 0; index <= outcome.turns.length; index += 1) turns[index] ??= 0
    turns[outcome.turns.length]! += 1
    for (const [kind, times] of outcome.faults) faults[kind] = (faults[kind] ?? 0) + times
    for (const what of outcome.broken.slice(0, 1)) violations.push({ where, what, trace: outcome.trace })
    if (seed % oneIn !== 1) continue
    const again = await simulate(seed)
    if (again.hash === outcome.hash) report.replayed += 1
    else violations.push({ where, what: `a replay took another way: ${outcome.hash}, ${again.hash}`, trace: [] })
  }
  const clusters = await workClusters(share, untilAt(1))
  for (const [kind, times] of Object.entries(clusters.faults)) faults[kind] = (faults[kind] ?? 0) + times
  const sums = {
    clusters: clusters.clusters,
    steps: report.steps + clusters.steps,
    lives: report.lives + clusters.lives,
    replayed: report.replayed + clusters.replayed,
    crashPoints: report.crashPoints + clusters.crashPoints,
    stories: report.stories + clusters.stories,
  }
  const all = [...violations, ...clusters.violations]
  return { ...report, ...sums, faults, turns, fields: fieldsOf(played), violations: all }
}

function fieldsOf(played: FieldReport | null): Report['fields'] {
  if (played === null) return null
  const { violations: _, ...figures } = played
  return figures
}

async function enumerate(
  { index, of, pairs }: Share,
  report: { crashPoints: number; stories: number },
  violations: Violation[],
): Promise<void> {
  const harm = ({ story, deaths, what, trace }: Harm) => {
    violations.push({ where: `story ${JSON.stringify(story)}, deaths ${JSON.stringify(deaths)}`, what, trace })
  }
  for (let at = index; at < stories.length; at += of) {
    const story = stories[at]!
    const single = await enumerateOne(story, harm)
    report.crashPoints += single.points
    report.stories += 1
    // Every plan here has fewer than twelve actions, and up to 125 effects: each pair of all of them takes minutes.
    const step = pairs || single.changes <= shortStory ? 1 : Math.ceil(single.changes / pairsWanted)
    if (single.changes > 0) report.crashPoints += (await enumerateTwo(story, harm, step)).points
  }
}

/** Effects of a story of which each two are paired in any case. */
const shortStory = 30

/** First and second deaths of a longer story that are paired when nobody asks for all. */
const pairsWanted = 6
