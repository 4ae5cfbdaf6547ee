import type { Clock } from '../../../src/world/clock.ts'

interface Timer {
  readonly run: () => void
  left: number
  since: number
  stop: (() => void) | null
}

/** Timers that stand still with whoever has them: a paused guest, a process that was stopped. */
export class PausableTimers {
  readonly #clock: Clock
  readonly #timers = new Set<Timer>()
  #running: boolean

  constructor(clock: Clock, running: boolean) {
    this.#clock = clock
    this.#running = running
  }

  after(milliseconds: number, run: () => void): () => void {
    const timer: Timer = { run, left: milliseconds, since: 0, stop: null }
    this.#timers.add(timer)
    if (this.#running) this.#arm(timer)
    return () => this.#cancel(timer)
  }

  pause(): void {
    if (!this.#running) return
    this.#running = false
    for (const timer of this.#timers) {
      timer.stop?.()
      timer.stop = null
      timer.left -= this.#clock.monotonic() - timer.since
    }
  }

  resume(): void {
    if (this.#running) return
    this.#running = true
    for (const timer of this.#timers) this.#arm(timer)
  }

  clear(): void {
    for (const timer of [...this.#timers]) this.#cancel(timer)
  }

  #arm(timer: Timer): void {
    timer.since = this.#clock.monotonic()
    timer.stop = this.#clock.after(Math.max(0, timer.left), () => {
      this.#timers.delete(timer)
      timer.run()
    })
  }

  #cancel(timer: Timer): void {
    timer.stop?.()
    this.#timers.delete(timer)
  }
}
