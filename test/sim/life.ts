import type { Clock } from '../../src/world/clock.ts'
import type { Files } from '../../src/world/files.ts'
import type { Net } from '../../src/world/net.ts'
import type { Process } from '../../src/world/process.ts'
import type { Connection, Listener, Stream } from '../../src/world/stream.ts'
import type { Stop, Watch } from '../../src/world/watch.ts'
import type { World } from '../../src/world/world.ts'

/** One call that changes the host. */
export interface Effect {
  /** Counts the effects of one life, from 0. */
  readonly index: number
  /** `files.rename` */
  readonly name: string
  /** What it is about: a path, a command. */
  readonly about: string
}

/** What becomes of whoever makes an effect: killed before it, when half of it is done, after it but before it is told. */
export type Fate = 'lives' | 'before' | 'during' | 'after'

export interface LifeOptions {
  readonly fate: (effect: Effect) => Fate
  /** Who was to die behind an effect that took long lives on after all. */
  readonly spared: () => boolean
  /** Milliseconds that a call takes. */
  readonly latency: () => number
  /** Called when it calls and calls without time passing. */
  readonly stuck: (error: Error) => void
  /** Called once, when it dies. */
  readonly died: () => void
}

const changing = [
  ...(['makeDirectory', 'create', 'createSparse', 'sync', 'rename', 'truncate', 'chown', 'chmod'] as const),
  ...(['symlink', 'remove', 'removeDirectory'] as const),
]
const reading = [
  ...(['read', 'readBeneath', 'readFollowing', 'stat', 'statFollowing', 'statBeneath', 'hashBeneath'] as const),
  ...(['list', 'listFollowing', 'readLink', 'free'] as const),
]

/**
 * The world as one controller sees it from its start to its death. When it is killed nothing that it waits for ever comes,
 * its timers and sockets are gone, and what it had not done is not done: as with SIGKILL.
 */
export class Life {
  readonly world: World
  readonly #inner: World
  readonly #options: LifeOptions
  readonly #ends = new Set<() => void>()
  #effects = 0
  #calls = 0
  #dead = false

  constructor(inner: World, options: LifeOptions) {
    this.#inner = inner
    this.#options = options
    this.world = {
      files: this.#files(),
      net: this.#net(),
      process: this.#process(),
      stream: this.#stream(),
      watch: this.#watch(),
      clock: this.#clock(),
      random: inner.random,
    }
  }

  get dead(): boolean {
    return this.#dead
  }

  /** Time has passed: what is called from now on is counted anew. */
  tick(): void {
    this.#calls = 0
  }

  /** Effects so far. */
  get effects(): number {
    return this.#effects
  }

  kill(): void {
    if (this.#dead) return
    this.#dead = true
    for (const end of this.#ends) end()
    this.#ends.clear()
    this.#options.died()
  }

  #files(): Files {
    const { files } = this.#inner
    const wrapped: Record<string, unknown> = {}
    for (const name of reading) {
      const method = (files[name] as (...args: unknown[]) => Promise<unknown>).bind(files)
      wrapped[name] = (...args: unknown[]) => this.#read(() => method(...args))
    }
    for (const name of changing) {
      const method = (files[name] as (...args: unknown[]) => Promise<unknown>).bind(files)
      const half = name === 'create' ? (args: unknown[]) => method(args[0], halfOf(args[1]), args[2]) : undefined
      wrapped[name] = (...args: unknown[]) =>
        this.#change(`files.${name}`, aboutOf(name, args), {
          whole: () => method(...args),
          half: half && (() => half(args)),
        })
    }
    wrapped.lock = (path: string) =>
      this.#read(async () => {
        const lock = await files.lock(path)
        if (lock) this.#ends.add(() => void lock.release())
        return lock
      })
    return wrapped as unknown as Files
  }

  #net(): Net {
    const { net } = this.#inner
    return {
      dump: (signal) => this.#read(() => net.dump(signal)),
      commit: (operations, signal) =>
        this.#change('net.commit', operations.map(({ op }) => op).join(' '), {
          whole: () => net.commit(operations, signal),
          half: () => net.commit(operations.slice(0, operations.length >> 1), signal),
        }),
    }
  }

  #process(): Process {
    const { process } = this.#inner
    return {
      bootId: () => process.bootId(),
      spawn: (spec, signal) =>
        this.#change('process.spawn', spec.directory, { whole: () => process.spawn(spec, signal) }),
      run: (spec, signal) =>
        this.#change('process.run', spec.argv[0] ?? '', { whole: () => process.run(spec, signal) }),
      list: (uids) => this.#read(() => process.list(uids)),
      signal: (identity, name) =>
        this.#change('process.signal', `${name} ${identity.pid}`, { whole: () => process.signal(identity, name) }),
    }
  }

  #stream(): Stream {
    const { stream } = this.#inner
    return {
      connect: (path, signal) => this.#read(async () => this.#connection(path, await stream.connect(path, signal))),
      listen: (path, owner) =>
        this.#change('stream.listen', path, { whole: async () => this.#listener(await stream.listen(path, owner)) }),
      reachTcp: (host, port, timeout, signal) => this.#read(() => stream.reachTcp(host, port, timeout, signal)),
      getStatus: (host, port, path, timeout, signal) =>
        this.#read(() => stream.getStatus(host, port, path, timeout, signal)),
      serve: (address, handler) => this.#read(() => stream.serve(address, handler)),
      request: (address, method, path, body, signal) =>
        this.#read(() => stream.request(address, method, path, body, signal)),
    }
  }

  #connection(path: string, inner: Connection): Connection {
    if (this.#dead) inner.close()
    const end = () => inner.close()
    this.#ends.add(end)
    return {
      listen: ({ data, end: ended }) =>
        inner.listen({
          data: (bytes) => {
            if (!this.#dead) data(bytes)
          },
          end: (error) => {
            this.#ends.delete(end)
            if (!this.#dead) ended(error)
          },
        }),
      write: (bytes) => {
        if (this.#dead) return
        const fate = this.#fateOf('stream.write', `${path} ${new TextDecoder().decode(bytes).trim()}`)
        if (fate === 'before') return this.kill()
        inner.write(fate === 'during' ? bytes.subarray(0, bytes.length >> 1) : bytes)
        if (fate !== 'lives') this.kill()
      },
      close: () => {
        if (!this.#dead) inner.close()
      },
    }
  }

  #listener(inner: Listener): Listener {
    // A child that inherits it is told by the very object.
    if (this.#dead) inner.release()
    this.#ends.add(() => inner.release())
    return inner
  }

  #watch(): Watch {
    const { watch } = this.#inner
    const alive = (wake: () => void) => () => {
      if (!this.#dead) wake()
    }
    const kept = async (stop: Promise<Stop>) => {
      const end = await stop
      this.#ends.add(end)
      return end
    }
    return {
      directory: (path, wake) => this.#read(() => kept(watch.directory(path, alive(wake)))),
      file: (path, wake) => this.#read(() => kept(watch.file(path, alive(wake)))),
      links: (wake) => this.#read(() => kept(watch.links(alive(wake)))),
      rules: (wake) => this.#read(() => kept(watch.rules(alive(wake)))),
    }
  }

  #clock(): Clock {
    const { clock } = this.#inner
    const after: Clock['after'] = (milliseconds, run) => {
      if (this.#dead) return () => {}
      const stop = clock.after(milliseconds, () => {
        if (!this.#dead) run()
      })
      return stop
    }
    return {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after,
      sleep: (milliseconds, signal) => this.#untilDeath(clock.sleep(milliseconds, signal)),
    }
  }

  #fateOf(name: string, about: string): Fate {
    const effect = { index: this.#effects, name, about }
    this.#effects += 1
    return this.#options.fate(effect)
  }

  async #read<T>(run: () => Promise<T>): Promise<T> {
    if (!(await this.#arrive())) return never()
    return this.#untilDeath(run())
  }

  async #change<T>(
    name: string,
    about: string,
    { whole, half }: { whole: () => Promise<T>; half?: (() => Promise<unknown>) | undefined },
  ): Promise<T> {
    if (!(await this.#arrive())) return never()
    const fate = this.#fateOf(name, about)
    if (fate === 'during' && half) await half().catch(() => {})
    if (fate === 'before' || (fate === 'during' && half)) this.kill()
    if (this.#dead) return never()
    const done = this.#untilDeath(whole())
    if (fate === 'lives') return done
    await done.catch(() => {})
    if (this.#options.spared()) return done
    this.kill()
    return never()
  }

  /** False when it died on the way. */
  async #arrive(): Promise<boolean> {
    if (this.#dead) return false
    this.#calls += 1
    if (this.#calls > most) throw this.#livelock()
    const wait = this.#options.latency()
    if (wait > 0) await this.#inner.clock.sleep(wait, unbroken)
    return !this.#dead
  }

  #livelock(): Error {
    const error = new Error(`${most} calls without a moment passing`)
    this.kill()
    this.#options.stuck(error)
    return error
  }

  async #untilDeath<T>(promise: Promise<T>): Promise<T> {
    try {
      const value = await promise
      return this.#dead ? await never<T>() : value
    } catch (error) {
      if (this.#dead) return never()
      throw error
    }
  }
}

/** What a change of files is about; a link is where it is made. */
function aboutOf(name: string, args: readonly unknown[]): string {
  if (name === 'rename') return `${args[0]} -> ${args[1]}`
  return String(name === 'symlink' ? args[1] : args[0])
}

/** Calls between two moments, after which it is said to run in circles. */
const most = 100_000

const unbroken = new AbortController().signal

function never<T>(): Promise<T> {
  return new Promise(() => {})
}

function halfOf(bytes: unknown): Uint8Array {
  return bytes instanceof Uint8Array ? bytes.subarray(0, bytes.length >> 1) : new Uint8Array()
}
