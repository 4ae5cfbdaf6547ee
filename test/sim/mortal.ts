import type { Clock } from '../../src/world/clock.ts'

/** One call that changes the world. */
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

/** What an effect does, and what half of it does where it can be done by half. */
export interface Deed<T> {
  readonly whole: () => Promise<T>
  readonly half?: (() => Promise<unknown>) | undefined
}

/**
 * A process from its start to its death. When it is killed nothing that it waits for ever comes, its timers are gone, and
 * what it had not done is not done: as with SIGKILL.
 */
export class Mortal {
  readonly clock: Clock
  readonly #inner: Clock
  readonly #options: LifeOptions
  readonly #ends = new Set<() => void>()
  #effects = 0
  #calls = 0
  #dead = false

  constructor(clock: Clock, options: LifeOptions) {
    this.#inner = clock
    this.#options = options
    this.clock = this.#mortalClock(clock)
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

  /** What the kernel does when it dies; the call that is returned takes that back. */
  atDeath(end: () => void): () => void {
    this.#ends.add(end)
    return () => this.#ends.delete(end)
  }

  /** What becomes of it at its next effect. */
  fateOf(name: string, about: string): Fate {
    const effect = { index: this.#effects, name, about }
    this.#effects += 1
    return this.#options.fate(effect)
  }

  /** A call that changes nothing. */
  async read<T>(run: () => Promise<T>): Promise<T> {
    if (!(await this.#arrive())) return never()
    return this.untilDeath(run())
  }

  /** A call that is an effect. */
  async change<T>(name: string, about: string, { whole, half }: Deed<T>): Promise<T> {
    if (!(await this.#arrive())) return never()
    const fate = this.fateOf(name, about)
    if (fate === 'during' && half) await half().catch(() => {})
    if (fate === 'before' || (fate === 'during' && half)) this.kill()
    if (this.#dead) return never()
    const done = this.untilDeath(whole())
    if (fate === 'lives') return done
    await done.catch(() => {})
    if (this.#options.spared()) return done
    this.kill()
    return never()
  }

  /** What a promise comes to; nothing ever when it died meanwhile. */
  async untilDeath<T>(promise: Promise<T>): Promise<T> {
    try {
      const value = await promise
      return this.#dead ? await never<T>() : value
    } catch (error) {
      if (this.#dead) return never()
      throw error
    }
  }

  #mortalClock(clock: Clock): Clock {
    return {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after: (milliseconds, run) => {
        if (this.#dead) return () => {}
        return clock.after(milliseconds, () => {
          if (!this.#dead) run()
        })
      },
      sleep: (milliseconds, signal) => this.untilDeath(clock.sleep(milliseconds, signal)),
    }
  }

  /** False when it died on the way. */
  async #arrive(): Promise<boolean> {
    if (this.#dead) return false
    this.#calls += 1
    if (this.#calls > most) throw this.#livelock()
    const wait = this.#options.latency()
    if (wait > 0) await this.#inner.sleep(wait, unbroken)
    return !this.#dead
  }

  #livelock(): Error {
    const error = new Error(`${most} calls without a moment passing`)
    this.kill()
    this.#options.stuck(error)
    return error
  }
}

/** Calls between two moments, after which it is said to run in circles. */
const most = 100_000

const unbroken = new AbortController().signal

/** What a dead process waits for. */
export function never<T>(): Promise<T> {
  return new Promise(() => {})
}
