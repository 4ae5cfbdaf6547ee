import { begin } from '../progress.ts'
import type { Share, Violation } from '../work.ts'
import { enumerateCluster } from './enumerate.ts'
import { simulateCluster } from './simulate.ts'
import { clusterStories } from './stories.ts'

/** What one process saw of clusters. */
export interface ClusterReport {
  readonly clusters: number
  readonly steps: number
  readonly lives: number
  readonly replayed: number
  readonly crashPoints: number
  readonly stories: number
  readonly faults: Readonly<Record<string, number>>
  readonly violations: readonly Violation[]
}

/** One seed in so many is run twice, and one in so many rests for an hour. */
const oneIn = 50
const hour = 3_600_000

/** Of effects of an agent on its own host, each so many-th is a point where nobody asks for all: they are a host's own, too. */
const sparse = 3

/** Stories of clusters, and the seeds of a share, these until the clock of the process says `until` at most. */
export async function workClusters(share: Share, until: number): Promise<ClusterReport> {
  const { index, of, first, clusters, crashes, pairs } = share
  const report = { clusters: 0, steps: 0, lives: 0, replayed: 0, crashPoints: 0, stories: 0 }
  const faults: Record<string, number> = {}
  const violations: Violation[] = []
  for (const story of crashes ? clusterStories : []) {
    if (index === 0) report.stories += 1
    const part = { index, of, step: pairs ? 1 : sparse }
    report.crashPoints += await enumerateCluster(
      story,
      ({ blow, what, trace }) => {
        const where = `npm run sim -- --cluster-story ${JSON.stringify(story.name)} --blow '${JSON.stringify(blow)}'`
        violations.push({ where, what, trace })
      },
      part,
    )
  }
  const last = clusters === null ? Number.POSITIVE_INFINITY : first + clusters
  for (let seed = first + index; seed < last && performance.now() < until; seed += of) {
    const where = `npm run sim -- --cluster-seed ${seed}`
    begin(where)
    const outcome = await simulateCluster(seed, seed % oneIn === 0 ? { idle: hour } : {})
    report.clusters += 1
    report.steps += outcome.steps
    report.lives += outcome.lives
    for (const [kind, times] of outcome.faults) faults[kind] = (faults[kind] ?? 0) + times
    for (const what of outcome.broken.slice(0, 1)) violations.push({ where, what, trace: outcome.trace })
    if (seed % oneIn !== 1) continue
    const again = await simulateCluster(seed)
    if (again.hash === outcome.hash) report.replayed += 1
    else violations.push({ where, what: `a replay took another way: ${outcome.hash}, ${again.hash}`, trace: [] })
  }
  return { ...report, faults, violations }
}
