import { parseArgs } from 'node:util'
import { enumerateCluster, tellCluster } from '../cluster/enumerate.ts'
import { simulateCluster } from '../cluster/simulate.ts'
import { clusterStories } from '../cluster/stories.ts'
import { drill, drills } from '../drills.ts'
import { simulate } from '../simulate.ts'

/**
 * Plays the drills and then seeds until something is violated, or until the seeds or the time are over. Says in a line of
 * JSON what it begins, and in another what it came to: whoever started it sees where it crashed or hangs.
 */
const { values } = parseArgs({
  options: {
    first: { type: 'string', default: '1' },
    last: { type: 'string', default: '300' },
    seconds: { type: 'string', default: '12' },
    /** Seeds and drills that are left out, behind commas. */
    skip: { type: 'string', default: '' },
    /** Plays stories and seeds of clusters. */
    cluster: { type: 'boolean', default: false },
    /** Goes on behind a violation. */
    all: { type: 'boolean', default: false },
  },
})

const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)
const fail = (error: unknown): never => {
  say({ crash: error instanceof Error ? error.message : String(error) })
  process.exit(1)
}
process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)

const skipped = new Set(values.skip.split(','))
/** Seconds on a processor so far: what else the machine does makes no difference. */
const spent = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/** False when it is time to end. */
async function play(begin: string, run: () => Promise<readonly string[]>): Promise<boolean> {
  if (spent() > Number(values.seconds)) return false
  if (skipped.has(begin)) return true
  say({ begin })
  const from = performance.now()
  const [broken = null] = await run()
  say({ end: begin, ms: Math.round(performance.now() - from), broken })
  return broken === null || values.all
}

/** Each sixth blow at a request. */
const someOf = { index: 0, of: 6, step: Number.POSITIVE_INFINITY }

async function playClusters(): Promise<void> {
  for (const story of clusterStories) {
    if (!(await play(`cluster story ${story.name}`, async () => (await tellCluster(story, null)).broken))) return
  }
  for (const story of clusterStories) {
    const run = async () => {
      const harms: string[] = []
      await enumerateCluster(story, ({ what }) => harms.push(what), someOf)
      return harms
    }
    if (!(await play(`points of cluster story ${story.name}`, run))) return
  }
  for (let seed = Number(values.first); seed <= Number(values.last); seed += 1) {
    const run = async () => (await simulateCluster(seed, { trace: 0 })).broken
    if (!(await play(`cluster seed ${seed}`, run))) return
  }
}

async function playHosts(): Promise<void> {
  for (const one of drills) {
    // What throws cannot go on: the VM that it is about does not run.
    const run = () => drill(one).catch((error: unknown) => [error instanceof Error ? error.message : String(error)])
    if (!(await play(one.name, run))) return
  }
  for (let seed = Number(values.first); seed <= Number(values.last); seed += 1) {
    if (!(await play(`seed ${seed}`, async () => (await simulate(seed, { trace: 0 })).broken))) return
  }
}

await (values.cluster ? playClusters() : playHosts())
process.exit(0)
