import { parseArgs } from 'node:util'
import { putGuest } from '../bench/guest.ts'
import { disruptions } from '../kubernetes/disruption.ts'
import { openGround, play as playOnCluster } from './cluster/play.ts'
import { killKinds } from './kinds.ts'
import { play } from './play.ts'
import type { Run } from './run.ts'

const usage = `npm run chaos -- [--kubernetes] [--runs N] [--seed S] [--verbose] [--json]

Kills the real controller at random moments of random scenarios, with real links, rules and VMs.

  --kubernetes  on a real control plane with two hosts: kills agents, manager, kube-apiserver and etcd, and cuts hosts off
  --runs N      scenarios, one for each seed (default 200)
  --seed S      the first seed (default 1)
  --verbose     what each run did
  --json        the figures as one JSON object on the last line
`

const { values } = parseArgs({
  options: {
    kubernetes: { type: 'boolean', default: false },
    runs: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  putGuest(process.env.MOORAGE_CACHE ?? '')
  const [first, count] = [Number(values.seed), Number(values.runs)]
  const runs: Run[] = []
  const players = values.kubernetes ? clusterPlayer() : { play, close: async () => {} }
  for (let seed = first; seed < first + count; seed += 1) {
    const run = await players.play(seed)
    runs.push(run)
    if (values.verbose || run.violations.length > 0) tell(run)
    else if (runs.length % 20 === 0) console.log(`${runs.length} of ${count} runs`)
  }
  await players.close()
  return summarize(runs, values.kubernetes ? disruptions.map(([, name]) => name) : killKinds)
}

/** Plays all on one cluster; what a run that went wrong left behind is no other's matter. */
function clusterPlayer() {
  let ground: Awaited<ReturnType<typeof openGround>> | null = null
  const close = async () => {
    await ground?.close()
    ground = null
  }
  return {
    close,
    async play(seed: number): Promise<Run> {
      ground ??= await openGround()
      const run = await playOnCluster(ground, seed)
      if (run.violations.length > 0) await close()
      return run
    },
  }
}

function tell({ seed, milliseconds, restMilliseconds, kills, changes, violations, log }: Run): void {
  console.log(
    `seed ${seed}: ${milliseconds} ms, at rest after ${restMilliseconds}; ${values.kubernetes ? '' : 'killed '}${kills.join(', ')}; ${changes.join('; ')}`,
  )
  for (const sentence of violations) console.log(`  violation: ${sentence}`)
  if (violations.length > 0)
    console.log(
      log
        .split('\n')
        .slice(-60)
        .map((line) => `    ${line}`)
        .join('\n'),
    )
}

function summarize(runs: readonly Run[], names: readonly string[]): number {
  const all = runs.flatMap(({ kills }) => kills)
  const kinds = Object.fromEntries(names.map((kind) => [kind, all.filter((one) => one === kind).length]))
  const violations = runs.flatMap(({ seed, violations: found }) => found.map((what) => ({ seed, what })))
  const seconds = runs.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000
  const rests = runs.map(({ restMilliseconds }) => restMilliseconds).sort((a, b) => a - b)
  const rest = { median: rests[rests.length >> 1] ?? 0, worst: rests.at(-1) ?? 0 }
  const looks = runs.reduce((sum, run) => sum + run.looks, 0)
  console.log(
    `\n${runs.length} runs on this host, ${(seconds / Math.max(1, runs.length)).toFixed(1)} s each, ${looks} looks at the processes`,
  )
  const what = values.kubernetes ? 'kills and cuts' : 'controllers killed'
  console.log(`${all.length} ${what}: ${names.map((kind) => `${kinds[kind]} ${kind}`).join(', ')}`)
  console.log(`at rest after the last of them: median ${rest.median} ms, worst ${rest.worst} ms`)
  for (const { seed, what } of violations) console.log(`seed ${seed}: ${what}`)
  console.log(`${violations.length} violations`)
  if (values.json) {
    const figures = {
      runs: runs.length,
      kills: all.length,
      kinds,
      looks,
      rest,
      seconds: Math.round(seconds),
      violations,
    }
    console.log(JSON.stringify(figures))
  }
  return violations.length > 0 ? 1 : 0
}

process.exitCode = await main()
// What a run that broke off still waits for must not keep us.
process.exit()
