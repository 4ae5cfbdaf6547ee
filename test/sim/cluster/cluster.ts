import { type MemoryApi, memoryApi } from '../../kubernetes/memory-api.ts'
import { MemoryStore } from '../../kubernetes/memory-store.ts'
import { SimClock } from '../clock.ts'
import type { Tally } from '../faults.ts'
import { SimHost } from '../host.ts'
import { paths } from '../open.ts'
import { Dice } from '../random.ts'
import { Trace } from '../trace.ts'
import { Kubectl } from './kubectl.ts'
import { SimManager } from './manager.ts'
import { Mirror } from './mirror.ts'
import { imageFiles } from './objects.ts'
import { Weather } from './weather.ts'

export interface SimClusterOptions {
  readonly hosts?: number
  readonly managers?: number
  /** Lines of the trace that are kept. */
  readonly trace?: number
}

/** Milliseconds between two bookmarks of a server, and between two compactions of its etcd. */
const times = { bookmark: 60_000, compaction: 300_000 }

/**
 * A cluster in memory: one clock, an API server, hosts each with the real controller and agent on it, and real managers.
 * Each process dies by itself. The same seed gives the same story.
 */
export class SimCluster {
  readonly clock = new SimClock()
  readonly dice: Dice
  readonly trace: Trace
  readonly store = new MemoryStore()
  /** What the server has. */
  readonly mirror: Mirror
  readonly server: MemoryApi
  readonly weather: Weather
  readonly kubectl: Kubectl
  readonly hosts: readonly SimHost[]
  readonly managers: readonly SimManager[]
  readonly tally: Tally = new Map()
  readonly #born: number
  /** The version that the next compaction forgets up to. */
  #old = 1

  constructor(seed: number | string, { hosts = 2, managers = 1, trace = 400 }: SimClusterOptions = {}) {
    this.dice = new Dice(seed)
    this.trace = new Trace(trace)
    this.#born = this.clock.monotonic()
    this.mirror = new Mirror(this.store, () => this.time)
    const lag = this.dice.fork('lag')
    this.server = memoryApi(this.clock, this.dice.fork('server'), { store: this.store, lag: () => lag.below(20) })
    this.weather = new Weather(this, this.dice.fork('weather'), this.tally)
    this.kubectl = new Kubectl(this)
    this.hosts = Array.from({ length: hosts }, (_, at) => this.#newHost(`node-${'abc'[at]}`))
    this.managers = Array.from({ length: managers }, (_, at) => new SimManager(this, `manager-${at + 1}`))
    this.clock.after(times.bookmark, () => this.#bookmark())
    this.clock.after(times.compaction, () => this.#compact())
  }

  /** Milliseconds since this cluster was made. */
  get time(): number {
    return this.clock.monotonic() - this.#born
  }

  note(line: string): void {
    this.trace.add(this.time, line)
  }

  host(name: string): SimHost | undefined {
    return this.hosts.find((host) => host.name === name)
  }

  /** Starts every process. */
  start(): void {
    for (const each of [...this.hosts, ...this.managers]) if (each.life === null) each.start()
  }

  /** Kills every process. */
  kill(): void {
    for (const each of [...this.hosts, ...this.managers]) each.kill()
  }

  /** Lets everything run that waits for nothing but its turn. */
  async drain(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    for (const { life } of this.hosts) life?.tick()
    for (const { life } of this.managers) life?.tick()
  }

  /** Lets so much time pass, or as much as it takes until `done`. True when it was done. */
  async pass(milliseconds: number, done: () => boolean = () => false, each: () => void = () => {}): Promise<boolean> {
    const until = this.clock.monotonic() + milliseconds
    await this.drain()
    each()
    while (!done()) {
      if (!this.clock.step(until)) return done()
      await this.drain()
      each()
    }
    return true
  }

  /** Forgets all history: watches and pages from before are Expired. */
  compact(): void {
    this.server.compact()
  }

  #newHost(nodeName: string): SimHost {
    const { clock, trace } = this
    const member = { nodeName, api: this.weather.api(nodeName), clock, trace }
    const host = new SimHost(this.dice.fork(nodeName).next(), { member })
    for (const [name, text] of Object.entries(imageFiles)) host.files.write(`${paths.images}/small/${name}`, text)
    return host
  }

  #bookmark(): void {
    this.server.bookmark()
    this.clock.after(times.bookmark, () => this.#bookmark())
  }

  #compact(): void {
    this.store.compact(this.#old)
    this.#old = this.store.version
    this.clock.after(times.compaction, () => this.#compact())
  }
}
