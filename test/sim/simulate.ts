import { type BreakKind, breakKinds, breaks } from './breaks.ts'
import { Convergence } from './convergence.ts'
import { count, putOn, someRates, type Tally } from './faults.ts'
import { SimHost } from './host.ts'
import { operate } from './operate.ts'
import { Oracles } from './oracles.ts'
import { Dice } from './random.ts'
import { describe, isAtRest } from './rest.ts'
import { Site } from './site.ts'
import { nothing } from './wanted.ts'

/** What a run of one seed came to. */
export interface Outcome {
  readonly seed: number
  /** Lines of the trace. */
  readonly steps: number
  readonly hash: string
  readonly faults: Tally
  /** The first is what was violated first; empty: nothing. */
  readonly broken: readonly string[]
  /** The last lines, when something was violated or they were asked for. */
  readonly trace: readonly string[]
  /** Controllers that were started. */
  readonly lives: number
  /** Virtual milliseconds from the last fault to rest. */
  readonly calm: number
  /** What each turn of that time asked for; see {@link Convergence}. */
  readonly turns: readonly string[]
  /** Passes of that time. */
  readonly passes: number
}

export interface SimulateOptions {
  /** Lines of the trace that are kept. */
  readonly trace?: number
  /** Idle passes at the end. */
  readonly idle?: number
}

/** Virtual milliseconds in which a host without faults must come to rest: every backoff and grace has run out by then. */
const patience = 900_000

/** Virtual milliseconds after which everything is looked at although nothing moved, and a deletion has settled. */
const round = 65_000

/** Virtual milliseconds that a process takes to die at most, see faults.ts. */
const slowestDeath = 4000

/** Turns in which a host without faults must come to rest; see {@link Convergence}. */
const mostTurns = 3

/** One host from its first controller to rest, everything drawn from the seed. */
export async function simulate(seed: number, { trace = 400, idle = 3 }: SimulateOptions = {}): Promise<Outcome> {
  const dice = new Dice(seed)
  const host = new SimHost(dice.fork('host').next(), { trace })
  const site = new Site(host, nothing)
  const tally: Tally = new Map()
  const oracles = new Oracles(host, site, tally)
  const convergence = new Convergence(host)
  const check = () => {
    oracles.check()
    convergence.look()
  }
  const isBroken = () => oracles.broken.length > 0

  const drawn = dice.fork('rates')
  const rates = someRates(drawn)
  const kinds = drawn.shuffle(breakKinds).slice(0, drawn.between(1, 12))
  const takeOff = putOn(host, rates, dice.fork('faults'), tally)
  const deaths = dice.fork('deaths')
  const dies = deaths.pick([0, 0, 0.002, 0.01])
  host.hooks.fate = () => {
    if (dies === 0 || !deaths.chance(dies)) return 'lives'
    count(tally, 'controller killed at an effect')
    return deaths.pick(['before', 'during', 'after'])
  }

  const script = dice.fork('script')
  const steps = script.between(4, 16)
  operate(site, host, script, 'first')
  host.start()
  for (let step = 0; step < steps && !isBroken(); step += 1) {
    await host.pass(script.pick([0, 5, 50, 500, 3000, 8000]), isBroken, check)
    if (isBroken()) break
    revive(host, script)
    if (script.chance(0.4)) operate(site, host, script)
    else {
      strike(script.pick(kinds), host, script, site, tally)
      if (script.chance(0.35)) strike(script.pick(kinds), host, script, site, tally)
    }
  }

  // Calm: nothing fails any more, what was broken by mistake is mended, and the controller runs.
  takeOff()
  host.hooks.fate = () => 'lives'
  host.hooks.spared = true
  // A controller that was asked to end has done so behind the second one.
  await host.drain()
  await host.drain()
  site.mend()
  for (const vmm of host.process.vmms()) {
    vmm.thaw()
    vmm.greet()
  }
  // Who was slow to die is gone.
  await host.pass(slowestDeath, () => isBroken() || !host.process.ending, check)
  const calmAt = host.time
  convergence.begin()
  if (host.life === null) host.start()
  const restless = () => !isBroken() && !isAtRest(host)
  // Whatever was not told of is found in the next round.
  await host.pass(round, () => isBroken() || host.life === null, check)
  if (host.life === null) {
    // What it was starting on was taken away by the last fault: whoever watches the service starts it again.
    host.start()
    convergence.begin()
    await host.pass(round, isBroken, check)
  }
  if (site.confirm()) {
    convergence.begin()
    await host.pass(round, isBroken, check)
  }
  await host.pass(patience, () => isBroken() || isAtRest(host), check)
  if (restless()) oracles.broken.push(`I13: not at rest after ${patience / 1000} s: ${describe(host)}`)
  // A guest without a probe may still boot when nobody waits for it any more.
  await host.pass(round, () => isBroken() || host.process.vmms().every(({ up }) => up), check)
  const calm = host.time - calmAt
  const { turns, passes } = convergence
  if (!isBroken() && turns.length > mostTurns)
    oracles.broken.push(`I13: ${turns.length} turns from the last fault to rest: ${turns.join('; then ')}`)
  if (!isBroken()) {
    oracles.atRest()
    await fixpoint(host, oracles, idle, check)
  }
  const broken = [...oracles.broken]
  host.kill()
  return {
    seed,
    steps: host.trace.count,
    hash: host.trace.hash(),
    faults: tally,
    broken,
    trace: broken.length > 0 || trace > 400 ? host.trace.lines() : [],
    lives: host.lives,
    calm,
    turns,
    passes,
  }
}

function strike(kind: BreakKind, host: SimHost, dice: Dice, site: Site, tally: Tally): void {
  if (!breaks[kind](host, dice, site)) return
  count(tally, kind)
  host.note(`break: ${kind}`)
}

/** Somebody starts the controller again, sooner or later. */
function revive(host: SimHost, dice: Dice): void {
  if (host.life === null && dice.chance(0.7)) host.start()
}

/**
 * A host at rest stays at rest: passes find the same and do nothing; neither does the next controller, once the one
 * before it has tidied up what a fault left.
 */
async function fixpoint(host: SimHost, oracles: Oracles, passes: number, check: () => void): Promise<void> {
  const isBroken = () => oracles.broken.length > 0
  const restart = async () => {
    host.kill()
    host.start()
    await host.pass(5000, isBroken, check)
  }
  // One takes on what is new to it, one clears what that left. Who found nothing to do left the host as it was, so that
  // the next one would find the same.
  let before = host.mutations
  for (let lives = 1; lives <= 3; lives += 1) {
    before = host.mutations
    await restart()
    if (isBroken() || host.mutations === before) break
  }
  for (let pass = 0; pass < passes && !isBroken(); pass += 1) {
    host.controller?.wakeups.wake('asked')
    await host.pass(200, isBroken, check)
  }
  const done = host.mutations - before
  if (done > 0) oracles.broken.push(`I13: ${done} effects in ${passes} passes and a restart at rest`)
}
