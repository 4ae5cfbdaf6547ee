import type { Change } from '../../kubernetes/memory-store.ts'
import { count, type Tally } from '../faults.ts'
import { Dice } from '../random.ts'
import { act, populate } from './acts.ts'
import { SimCluster } from './cluster.ts'
import { isNews } from './mirror.ts'
import { Operator } from './operator.ts'
import { ClusterOracles } from './oracles.ts'
import { someRates } from './rates.ts'
import { describe, isAtRest } from './rest.ts'
import { storm } from './storms.ts'

/** What a cluster of one seed came to. */
export interface ClusterOutcome {
  readonly seed: number
  /** Lines of the trace. */
  readonly steps: number
  readonly hash: string
  readonly faults: Tally
  /** The first is what was violated first; empty: nothing. */
  readonly broken: readonly string[]
  /** The last lines, when something was violated or they were asked for. */
  readonly trace: readonly string[]
  /** Processes that were started. */
  readonly lives: number
}

export interface ClusterOptions {
  /** Lines of the trace that are kept. */
  readonly trace?: number
  /** Milliseconds at rest at the end, in which nothing may be written but Leases. */
  readonly idle?: number
}

/** Virtual milliseconds in which a cluster in calm weather must come to rest: every backoff has run out by then. */
const patience = 900_000

/** Virtual milliseconds after which every host and manager has looked at everything, and a silent host is silent. */
const round = 70_000

/** Requests of one client in a minute at rest that are too many. */
const mostAsked = 300

/** One cluster from its first process to rest, everything drawn from the seed. */
export async function simulateCluster(
  seed: number,
  { trace = 400, idle = 180_000 }: ClusterOptions = {},
): Promise<ClusterOutcome> {
  const run = new Run(seed, trace)
  await run.begin()
  await run.acts()
  await run.calm('after what people did')
  await run.weatherOnly()
  await run.calm('after bad weather alone')
  await run.idle(idle)
  return run.end()
}

class Run {
  readonly #seed: number
  readonly #kept: number
  readonly #cluster: SimCluster
  readonly #operator: Operator
  readonly #oracles: ClusterOracles
  readonly #script: Dice
  readonly #rates: Dice
  readonly #deaths: Dice

  constructor(seed: number, trace: number) {
    const dice = new Dice(seed)
    this.#seed = seed
    this.#kept = trace
    const size = dice.fork('size')
    const hosts = size.pick([2, 2, 3])
    this.#cluster = new SimCluster(dice.fork('cluster').next(), { hosts, managers: size.pick([1, 2]), trace })
    this.#operator = new Operator(this.#cluster)
    this.#oracles = new ClusterOracles(this.#cluster, this.#operator)
    this.#script = dice.fork('script')
    this.#rates = dice.fork('rates')
    this.#deaths = dice.fork('deaths')
  }

  async begin(): Promise<void> {
    this.#operator.prepare()
    populate(this.#operator, this.#script)
    this.#cluster.start()
    await this.#pass(this.#script.pick([0, 500, 5000]))
  }

  /** People do things, and the weather is bad. */
  async acts(): Promise<void> {
    const steps = this.#script.between(3, 10)
    this.#blow()
    for (let step = 0; step < steps && !this.#isBroken; step += 1) {
      if (step === 0 || this.#script.chance(0.6)) act(this.#operator, this.#cluster, this.#script)
      else storm(this.#cluster, this.#script, this.#operator)
      await this.#pass(this.#script.pick([0, 50, 500, 3000, 10_000, 60_000]))
      this.#revive()
    }
  }

  /** Nobody edits anything: what runs goes on, whatever becomes of requests, watches and processes. */
  async weatherOnly(): Promise<void> {
    if (this.#isBroken) return
    this.#operator.settle()
    this.#oracles.vmms.quiet = true
    const before = this.#work()
    this.#cluster.note('weather alone')
    this.#blow()
    const steps = this.#script.between(2, 5)
    for (let step = 0; step < steps && !this.#isBroken; step += 1) {
      storm(this.#cluster, this.#script, this.#operator)
      await this.#pass(this.#script.pick([500, 10_000, 60_000, 200_000]))
      this.#revive()
    }
    if (this.#isBroken || this.#work() === before) return
    this.#oracles.fail('D', `${this.#work() - before} effects on links or processes although nobody asked for anything`)
  }

  /** The weather clears up, and everything comes to rest as it is wanted. */
  async calm(when: string): Promise<void> {
    const cluster = this.#cluster
    if (this.#isBroken) return
    cluster.note(`calm ${when}`)
    cluster.weather.clear()
    for (const host of cluster.hosts) {
      host.hooks.fate = () => 'lives'
      host.hooks.spared = true
    }
    for (const manager of cluster.managers) {
      manager.fate = () => 'lives'
      manager.spared = true
    }
    this.#revive(1)
    await this.#pass(5000)
    // Who was asked to end has done so.
    this.#revive(1)
    // A Lease of a host that was just turned off lasts a while, and whatever is looked at now and then is looked at once.
    await this.#pass(round)
    await this.#pass(patience, () => isAtRest(cluster))
    if (this.#isBroken) return
    if (!isAtRest(cluster)) return this.#oracles.fail('I', `not at rest ${when}: ${describe(cluster)}`)
    this.#oracles.atRest()
  }

  /** I: At rest nothing is written but Leases, nor sent to be, and nobody asks without a pause. */
  async idle(milliseconds: number): Promise<void> {
    if (this.#isBroken) return
    const { store, weather, hosts, managers } = this.#cluster
    this.#cluster.note('idle')
    const stop = store.onChange((change) => {
      if (isNews(change)) this.#oracles.fail('I', `${change.resource.kind} ${nameOf(change)} is written at rest`)
      if (change.resource.kind === 'Event') this.#oracles.fail('I', 'an Event is written at rest')
    })
    const clients = [...hosts, ...managers].map(({ name }) => name)
    const before = clients.map((name) => ({ asked: weather.asked(name), written: weather.written(name) }))
    await this.#pass(milliseconds)
    stop()
    for (const [at, name] of clients.entries()) {
      const written = weather.written(name) - before[at]!.written
      if (written > 0) this.#oracles.fail('I', `${name} sends ${written} writes at rest`)
      const asked = ((weather.asked(name) - before[at]!.asked) * 60_000) / milliseconds
      if (asked > mostAsked) this.#oracles.fail('I', `${name} asks ${Math.round(asked)} times a minute at rest`)
    }
  }

  end(): ClusterOutcome {
    const { trace, tally, hosts, managers } = this.#cluster
    const broken = [...this.#oracles.broken]
    this.#cluster.kill()
    const lives = [...hosts, ...managers].reduce((sum, each) => sum + each.lives, 0)
    const lines = broken.length > 0 || this.#kept > 400 ? trace.lines() : []
    return { seed: this.#seed, steps: trace.count, hash: trace.hash(), faults: tally, broken, trace: lines, lives }
  }

  get #isBroken(): boolean {
    return this.#oracles.broken.length > 0
  }

  async #pass(milliseconds: number, done: () => boolean = () => false): Promise<void> {
    const check = () => this.#oracles.check()
    await this.#cluster.pass(milliseconds, () => this.#isBroken || done(), check)
  }

  /** New rates for each client, and processes that die at effects. */
  #blow(): void {
    const { weather, hosts, managers, tally } = this.#cluster
    weather.blow(new Map([...hosts, ...managers].map(({ name }) => [name, someRates(this.#rates)])))
    const dies = this.#deaths.pick([0, 0, 0.003, 0.01])
    const fate = (what: string) => () => {
      if (dies === 0 || !this.#deaths.chance(dies)) return 'lives' as const
      count(tally, what)
      return this.#deaths.pick(['before', 'during', 'after'] as const)
    }
    for (const host of hosts) {
      host.hooks.spared = false
      host.hooks.fate = fate('agent killed at an effect')
    }
    for (const manager of managers) {
      manager.spared = false
      manager.fate = fate('manager killed at a write')
    }
  }

  /** Somebody starts again what died, sooner or later. */
  #revive(chance = 0.7): void {
    const { hosts, managers } = this.#cluster
    for (const host of hosts) {
      if (host.life === null && !this.#operator.off.has(host.name) && this.#script.chance(chance)) host.start()
    }
    for (const manager of managers) if (manager.life === null && this.#script.chance(chance)) manager.start()
  }

  /** Effects on links and processes of all hosts so far. */
  #work(): number {
    return this.#cluster.hosts.reduce((sum, { net, process }) => sum + net.commits + process.spawned.length, 0)
  }
}

function nameOf({ after, before }: Change): string {
  return (after ?? before)?.metadata.name ?? ''
}
