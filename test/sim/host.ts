import type { Logger } from 'pino'
import { type Config, configSchema } from '../../src/controller/config.ts'
import type { Controller } from '../../src/controller/controller.ts'
import type { ApiServer } from '../../src/world/api-server.ts'
import type { World } from '../../src/world/world.ts'
import { MemoryFiles } from '../world/memory-files.ts'
import { SimClock } from './clock.ts'
import { Life } from './life.ts'
import type { Effect, Fate } from './mortal.ts'
import { mortalApi } from './mortal-api.ts'
import { open, paths, qemu } from './open.ts'
import { Dice } from './random.ts'
import { Trace } from './trace.ts'
import { SimNet } from './world/net.ts'
import { SimProcess } from './world/process.ts'
import { SimStream } from './world/stream.ts'
import { SimWatch } from './world/watch.ts'

export { paths, qemu } from './open.ts'

/** Of every simulated root. */
export const root = { id: '5eed5eed', group: 5000 }

/** What the simulation decides for the controller that runs; replaced at any moment. */
export interface Hooks {
  fate: (effect: Effect) => Fate
  latency: () => number
  /** No more deaths, not even those that were decided before. */
  spared: boolean
}

export interface SimHostOptions {
  /** Lines of the trace that are kept. */
  readonly trace?: number
  readonly config?: object
  /** Its objects come from a cluster, whose time and trace it shares. */
  readonly member?: {
    readonly nodeName: string
    readonly api: ApiServer
    readonly clock: SimClock
    readonly trace: Trace
  }
}

/** A host in memory with the real controller on it. */
export class SimHost {
  readonly clock: SimClock
  readonly dice: Dice
  readonly files: MemoryFiles
  readonly net: SimNet
  readonly stream: SimStream
  readonly process: SimProcess
  readonly watch: SimWatch
  readonly trace: Trace
  /** Of a host of a cluster; empty for one that is alone. */
  readonly name: string
  readonly hooks: Hooks = { fate: () => 'lives', latency: () => 0, spared: false }
  /** Called on every log line of the controller: level, message, fields. */
  onLog: (level: string, message: string, fields: object) => void = () => {}
  /** The controller ran in circles. */
  stuck: Error | null = null
  /** Effects of all controllers so far, but for questions. */
  mutations = 0
  /** Controllers that were started. */
  lives = 0
  readonly #config: Config
  readonly #api: ApiServer | null
  readonly #born: number
  #life: Life | null = null
  #controller: Controller | null = null
  #stop = new AbortController()
  #failure: unknown = null

  constructor(seed: number | string, { trace = 200, config = {}, member }: SimHostOptions = {}) {
    this.dice = new Dice(seed)
    this.clock = member?.clock ?? new SimClock()
    this.trace = member?.trace ?? new Trace(trace)
    this.name = member?.nodeName ?? ''
    this.#api = member?.api ?? null
    this.#config = configSchema.parse(config)
    this.#born = this.clock.monotonic()
    const { clock } = this
    this.files = new MemoryFiles(() => clock.now())
    this.watch = new SimWatch(clock)
    this.net = new SimNet({ root, clock, changed: (what) => this.watch.changed(what) })
    this.stream = new SimStream({ files: this.files, clock })
    this.process = new SimProcess({
      files: this.files,
      clock,
      stream: this.stream,
      taps: this.net,
      hypervisors: [qemu],
      passes: (tap) => passes(this.net, tap),
    })
    this.files.write(`${paths.state}/root.json`, JSON.stringify(root), 0o600)
    for (const folder of [paths.manifests, paths.images, '/run/secrets', paths.run]) this.files.folder(folder)
  }

  /** Milliseconds since this host was made. */
  get time(): number {
    return this.clock.monotonic() - this.#born
  }

  get controller(): Controller | null {
    return this.#controller
  }

  get life(): Life | null {
    return this.#life
  }

  /** Why the controller ended by itself, which it never should; null while it has not. */
  get failure(): unknown {
    return this.#failure
  }

  /** Whether there is anything at that path. */
  has(path: string): boolean {
    try {
      return this.files.at(path, false) !== null
    } catch {
      return false
    }
  }

  note(line: string): void {
    this.trace.add(this.time, this.name === '' ? line : `${this.name}: ${line}`)
  }

  /** Starts a controller. What keeps it from starting is its failure, as for a user who sees it end. */
  start(): void {
    if (this.#life !== null) throw new Error('a controller runs already')
    this.lives += 1
    this.note(`controller ${this.lives} starts`)
    const inner: World = {
      files: this.files,
      net: this.net,
      process: this.process,
      stream: this.stream,
      watch: this.watch,
      clock: this.clock,
      random: this.dice,
    }
    const life = new Life(inner, {
      fate: (effect) => {
        this.note(`${effect.name} ${effect.about}`)
        if (!isQuestion(effect)) this.mutations += 1
        return this.hooks.fate(effect)
      },
      latency: () => this.hooks.latency(),
      spared: () => this.hooks.spared,
      stuck: (error) => {
        this.#failure = error
        this.stuck = error
      },
      died: () => {
        this.note(`controller ${this.lives} is killed`)
        this.#gone(life)
      },
    })
    this.#life = life
    this.#stop = new AbortController()
    this.#failure = null
    const { signal } = this.#stop
    void this.#run(life, signal).catch((error: unknown) => {
      if (life.dead || this.#life !== life) return
      this.note(`controller ${this.lives} failed: ${error instanceof Error ? error.message : String(error)}`)
      this.#failure = error
      life.kill()
    })
  }

  /** SIGKILL. */
  kill(): void {
    this.#life?.kill()
  }

  /** SIGTERM: it ends in order. */
  async end(): Promise<void> {
    const life = this.#life
    if (life === null) return
    this.note(`controller ${this.lives} is asked to end`)
    this.#stop.abort(new Error('SIGTERM'))
    const controller = this.#controller
    if (controller) void controller.close()
    await this.drain()
    life.kill()
  }

  /** Lets everything run that waits for nothing but its turn. */
  async drain(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.#life?.tick()
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

  #gone(life: Life): void {
    if (this.#life !== life) return
    this.#life = null
    this.#controller = null
    this.stream.kill()
    this.files.kill()
    this.process.abandon()
  }

  async #run(life: Life, signal: AbortSignal): Promise<void> {
    const { world } = life
    const member = this.#api && { nodeName: this.name, api: mortalApi(life, this.#api) }
    const { controller, run } = await open({ world, config: this.#config, log: this.#log(), member })
    this.#controller = controller
    await run(signal)
  }

  #log(): Logger {
    const at =
      (level: string) =>
      (fields: object | string, message = '') => {
        if (typeof fields === 'string') return this.onLog(level, fields, {})
        this.onLog(level, message, fields)
        if (level === 'warn' || level === 'error') this.note(`${level}: ${message} ${JSON.stringify(fields)}`)
      }
    const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal']
    return Object.fromEntries(levels.map((level) => [level, at(level)])) as unknown as Logger
  }
}

/** It asks a VMM how it is, or makes sure of what is there, and changes nothing. */
export function isQuestion({ name, about }: Effect): boolean {
  if (name === 'files.makeDirectory' || name === 'files.sync') return true
  return name === 'stream.write' && /"execute":"(query-|qmp_capabilities)/.test(about)
}

/** Frames pass between the host and a TAP: it is up, on a bridge, and that is up. */
function passes(net: SimNet, tap: string): boolean {
  const links = net.links()
  const link = links.find(({ name }) => name === tap)
  const bridge = links.find(({ name }) => name === link?.master)
  return link?.up === true && bridge?.up === true && bridge.addresses.length > 0
}
