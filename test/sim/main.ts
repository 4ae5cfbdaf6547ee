import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { breakKinds } from './breaks.ts'
import { type Blow, difference as differenceOfClusters, tellCluster } from './cluster/enumerate.ts'
import { clusterKinds } from './cluster/kinds.ts'
import { simulateCluster } from './cluster/simulate.ts'
import { clusterStories } from './cluster/stories.ts'
import { type Death, difference, tell } from './enumerate.ts'
import { ambientKinds } from './faults.ts'
import { longestSilence, type Progress, watchdog } from './progress.ts'
import { simulate } from './simulate.ts'
import { stories } from './stories.ts'
import { type Report, type Share, work } from './work.ts'

const usage = `npm run sim -- [--seeds N | --minutes M] [--first S] [--cluster N] [--no-crashes] [--no-fields] [--json]
npm run sim -- --seed S [--trace]
npm run sim -- --cluster-seed S [--trace]
npm run sim -- --story NAME --deaths JSON
npm run sim -- --cluster-story NAME --blow JSON

  --seeds N      hosts that are simulated, one for each seed (default 1000)
  --minutes M    as many as fit in that time
  --first S      the first seed (default 1)
  --story NAME   one story of the crash enumeration; --deaths: when its controllers die, as a violation says it
  --seed S       one seed, and what happened in it when an invariant was broken; --trace: all of it in any case
  --cluster N    clusters that are simulated, one for each seed (default one for twenty hosts)
  --cluster-seed S  one cluster, told as --seed tells a host
  --no-crashes   without the enumeration of crash points
  --no-fields    without each field of each kind with each value
  --pairs        with every pair of crash points, too (minutes)
  --json         the figures as one JSON object on the last line
`

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    minutes: { type: 'string' },
    first: { type: 'string', default: '1' },
    seed: { type: 'string' },
    cluster: { type: 'string' },
    'cluster-seed': { type: 'string' },
    story: { type: 'string' },
    deaths: { type: 'string', default: '[]' },
    'cluster-story': { type: 'string' },
    blow: { type: 'string', default: 'null' },
    trace: { type: 'boolean', default: false },
    'no-crashes': { type: 'boolean', default: false },
    'no-fields': { type: 'boolean', default: false },
    pairs: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  if (values.story !== undefined) return story(values.story, JSON.parse(values.deaths) as Death[])
  if (values['cluster-story'] !== undefined) return clusterStory(values['cluster-story'], JSON.parse(values.blow))
  const cluster = values['cluster-seed']
  if (cluster !== undefined) return show('cluster seed', await simulateCluster(Number(cluster), { trace: 100_000 }))
  if (values.seed !== undefined) return show('seed', await simulate(Number(values.seed), { trace: 100_000 }))
  return many()
}

type Told = Pick<Awaited<ReturnType<typeof simulate>>, 'seed' | 'broken' | 'trace' | 'steps' | 'hash'>

function show(what: string, { seed, broken, trace, steps, hash }: Told): number {
  if (values.trace || broken.length > 0) process.stdout.write(trace.join(''))
  for (const sentence of broken) console.log(`violation: ${sentence}`)
  console.log(`${what} ${seed}: ${steps} steps, trace ${hash}, ${broken.length} violations`)
  return broken.length > 0 ? 1 : 0
}

async function story(name: string, deaths: readonly Death[]): Promise<number> {
  const found = stories.find((one) => one.name === name)
  if (found === undefined)
    throw new Error(`there is no story ${name}; there are: ${stories.map((one) => one.name).join(', ')}`)
  const ending = await tell(found, deaths)
  process.stdout.write(ending.trace.join(''))
  const what = difference(await tell(found, []), ending)
  console.log(what === null ? 'as in the reference' : `violation: ${what}`)
  return what === null ? 0 : 1
}

async function clusterStory(name: string, blow: Blow | null): Promise<number> {
  const found = clusterStories.find((one) => one.name === name)
  if (found === undefined)
    throw new Error(`there is no story ${name}; there are: ${clusterStories.map((one) => one.name).join(', ')}`)
  const ending = await tellCluster(found, blow)
  process.stdout.write(ending.trace.join(''))
  const what = differenceOfClusters(await tellCluster(found, null), ending, found.isRace)
  console.log(what === null ? 'as in the reference' : `violation: ${what}`)
  return what === null ? 0 : 1
}

async function many(): Promise<number> {
  const workers = availableParallelism()
  const milliseconds = values.minutes === undefined ? null : Number(values.minutes) * 60_000
  const seeds = values.minutes === undefined ? Number(values.seeds ?? 1000) : null
  const clusters = values.cluster !== undefined ? Number(values.cluster) : seeds === null ? null : Math.ceil(seeds / 20)
  const began = performance.now()
  const shares = Array.from({ length: workers }, (_, index): Share => {
    return {
      index,
      of: workers,
      first: Number(values.first),
      seeds,
      clusters,
      milliseconds,
      crashes: !values['no-crashes'],
      pairs: values.pairs,
      fields: !values['no-fields'],
    }
  })
  const reports = await Promise.all(shares.map(started))
  const seconds = (performance.now() - began) / 1000
  return summarize(merged(reports), seconds)
}

/** Most of what a host allocates dies with it, and processors are all busy with hosts of their own. */
const execArgv = ['--single-threaded', '--min-semi-space-size=64', '--max-semi-space-size=64']

/** A process for each share: one thread runs one host at a time. */
function started(share: Share): Promise<Report> {
  const child = fork(process.argv[1]!, [], {
    execArgv,
    env: { ...process.env, MOORAGE_SIM_SHARE: JSON.stringify(share) },
  })
  return new Promise((resolve, reject) => {
    let report: Report | null = null
    let where = 'its first step'
    const dog = watchdog(() => {
      report = stalled(where)
      child.kill('SIGKILL')
    })
    child.on('message', (message: Report | Progress) => {
      dog.heard()
      if ('begins' in message) where = message.begins
      else report = message
    })
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      dog.stop()
      if (report !== null) resolve(report)
      else reject(new Error(`a part of the simulation ended with ${signal ?? code} and without a word`))
    })
  })
}

/** Of a share that was killed since it got nowhere; what it had found before is not known. */
function stalled(where: string): Report {
  const what = `no progress for ${longestSilence / 1000} s: it turns for ever; the rest of its share was not run`
  return {
    ...{ seeds: 0, clusters: 0, steps: 0, lives: 0, crashPoints: 0, stories: 0, drills: 0, replayed: 0, restless: 0 },
    ...{ faults: {}, fields: null, turns: [], violations: [{ where, what, trace: [] }] },
  }
}

function merged(reports: readonly Report[]): Report {
  const sum = (
    key: 'seeds' | 'clusters' | 'steps' | 'lives' | 'crashPoints' | 'replayed' | 'stories' | 'drills' | 'restless',
  ) => reports.reduce((total, report) => total + report[key], 0)
  const faults: Record<string, number> = {}
  for (const report of reports) {
    for (const [kind, times] of Object.entries(report.faults)) faults[kind] = (faults[kind] ?? 0) + times
  }
  const turns: number[] = []
  for (const report of reports) for (const [at, seeds] of report.turns.entries()) turns[at] = (turns[at] ?? 0) + seeds
  const violations = reports.flatMap((report) => report.violations).sort((a, b) => (a.where < b.where ? -1 : 1))
  return {
    ...{
      seeds: sum('seeds'),
      clusters: sum('clusters'),
      steps: sum('steps'),
      lives: sum('lives'),
      crashPoints: sum('crashPoints'),
    },
    ...{
      replayed: sum('replayed'),
      stories: sum('stories'),
      drills: sum('drills'),
      restless: sum('restless'),
      faults,
      fields: mergedFields(reports.flatMap(({ fields: one }) => one ?? [])),
      turns,
      violations,
    },
  }
}

function mergedFields(parts: readonly NonNullable<Report['fields']>[]): Report['fields'] {
  const [first] = parts
  if (first === undefined) return null
  const sum = (key: 'fields' | 'changes' | 'refusals' | 'deaths') => parts.reduce((total, one) => total + one[key], 0)
  const all = { fields: sum('fields'), changes: sum('changes'), refusals: sum('refusals'), deaths: sum('deaths') }
  return { kinds: first.kinds, ...all }
}

function summarize(report: Report, seconds: number): number {
  const {
    seeds,
    clusters,
    steps,
    lives,
    crashPoints,
    stories,
    drills,
    replayed,
    restless,
    faults,
    turns,
    fields,
    violations,
  } = report
  const kinds = [...ambientKinds, 'controller killed at an effect', ...breakKinds, ...clusterKinds]
  console.log(`simulated hosts and clusters, in memory; nothing here was done to a real one`)
  console.log(
    `${seeds} seeds of hosts, ${clusters} of clusters, ${steps} steps, ${((seeds + clusters) / seconds).toFixed(1)} seeds a second, ${lives} controllers and managers`,
  )
  console.log(
    `${drills} drills; ${crashPoints} crash points in ${stories} stories; ${replayed} seeds run twice with the same trace`,
  )
  if (fields) {
    const { kinds: of, fields: all, changes, refusals, deaths } = fields
    console.log(`${all} fields of ${of} kinds: ${changes} changes, ${refusals} bad values, ${deaths} deaths in changes`)
  }
  console.log(
    `${restless} seeds rested for 1000 passes; turns to rest: ${turns.map((n, at) => `${at} in ${n}`).join(', ')}`,
  )
  for (const kind of kinds) console.log(`  ${String(faults[kind] ?? 0).padStart(8)}  ${kind}`)
  for (const { where, what, trace } of violations.slice(0, 10)) {
    console.log(`\n${where}: ${what}`)
    process.stdout.write(trace.slice(-25).join(''))
  }
  console.log(`${violations.length} violations`)
  if (values.json) {
    const short = violations.map(({ where, what }) => ({ where, what }))
    console.log(
      JSON.stringify({
        ...{ seeds, clusters, steps, faults, crashPoints, violations: short, replayed, restless, turns, fields },
        seconds: Math.round(seconds),
      }),
    )
  }
  return violations.length > 0 ? 1 : 0
}

const share = process.env.MOORAGE_SIM_SHARE
if (share === undefined) process.exitCode = await main()
else {
  const report = await work(JSON.parse(share) as Share)
  process.send!(report, () => process.exit(0))
}
