import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Bug } from './bug.ts'
import { bugs } from './bugs.ts'
import { buildChild, occurrences } from './build.ts'
import { runTrial, type Trial } from './trial.ts'

/*
 * How much the simulation sees: bugs are planted one at a time, and each is caught when a seed violates something that
 * does not without it. Run from the checkout.
 */
const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    /** Seconds on a processor that a bug has. */
    seconds: { type: 'string', default: '20' },
    /** Seeds from 1 that are tried. */
    seeds: { type: 'string', default: '300' },
    /** Bugs at a time. */
    jobs: { type: 'string', default: String(availableParallelism()) },
  },
})

const checkout = process.cwd()
if (!existsSync(join(checkout, 'test/sim/simulate.ts')))
  throw new Error(`${checkout} is not a checkout of Moorage; run: npm run sim:planted`)
const unknown = values.only.filter((name) => !bugs.some((bug) => bug.name === name))
if (unknown.length > 0) throw new Error(`no bug is called ${unknown.join(', ')}`)

const last = Number(values.seeds)
const seconds = Number(values.seconds)
const chosen = bugs.filter(({ name }) => values.only.length === 0 || values.only.includes(name))
const folder = mkdtempSync(join(tmpdir(), 'planted-'))
const began = performance.now()
const survivors: string[] = []
/** Bugs that cannot be planted: the source has moved on under them. */
const invalid: string[] = []

/** One bug. `skip`: seeds and drills that violate something without it. */
async function tryBug(bug: Bug, skip: readonly string[]): Promise<void> {
  const bundle = join(folder, `${bug.name}.mjs`)
  const places = occurrences(checkout, bug)
  if (places !== 1) {
    invalid.push(bug.name)
    console.log(
      `${bug.name}: src/${bug.file} has ${places} places to plant it and must have one; mend the list of bugs`,
    )
    return
  }
  try {
    await buildChild(checkout, bug, bundle)
  } catch (error) {
    invalid.push(bug.name)
    console.log(`${bug.name}: does not compile: ${(error as Error).message}`)
    return
  }
  const { cluster = false } = bug
  const trial = await runTrial(bundle, { last, seconds: cluster ? 2 * seconds : seconds, skip, all: false, cluster })
  rmSync(bundle)
  if (trial.found.length === 0) survivors.push(bug.name)
  console.log(`${bug.name}: ${say(trial)}`)
}

function say({ found: [first], runs, seconds: took }: Trial): string {
  const time = `${took.toFixed(1)} s`
  return first
    ? `caught at ${first.where} after ${time}: ${first.what.slice(0, 200)}`
    : `SURVIVES ${runs} drills and seeds, ${time}`
}

async function main(): Promise<void> {
  const plain = join(folder, 'plain.mjs')
  await buildChild(checkout, null, plain)
  const kinds = [false, true].filter((kind) => chosen.some(({ cluster = false }) => cluster === kind))
  const found: string[] = []
  for (const cluster of kinds) {
    const clean = await runTrial(plain, { last, seconds: cluster ? 4 * seconds : 1e9, skip: [], all: true, cluster })
    for (const { where, what } of clean.found) console.log(`without a bug, ${where}: ${what}`)
    const what = cluster ? 'stories and seeds of clusters' : 'drills and seeds'
    console.log(
      `without a bug: ${clean.runs} ${what}, ${clean.found.length} with violations, ${clean.seconds.toFixed(1)} s`,
    )
    found.push(...clean.found.map(({ where }) => where))
  }
  const waiting = [...chosen]
  const next = async (): Promise<void> => {
    for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) await tryBug(bug, found)
  }
  await Promise.all(Array.from({ length: Number(values.jobs) }, next))
  const planted = chosen.length - invalid.length
  const caught = planted - survivors.length
  const took = ((performance.now() - began) / 1000).toFixed(0)
  console.log(`${caught} of ${planted} planted bugs are caught (${((100 * caught) / planted).toFixed(1)} %), ${took} s`)
  if (survivors.length > 0) console.log(`survivors: ${survivors.join(', ')}`)
  if (invalid.length > 0) console.log(`not planted, mend the list: ${invalid.join(', ')}`)
  if (values.json) console.log(JSON.stringify({ planted, caught, survivors }))
  if (invalid.length > 0 || found.length > 0) process.exitCode = 1
}

try {
  await main()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
