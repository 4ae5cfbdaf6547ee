import type { Clock } from '../../src/world/clock.ts'
import type { Stop } from '../../src/world/watch.ts'

interface Timer {
  readonly at: number
  readonly order: number
  readonly run: () => void
  done: boolean
}

/**
 * Time that passes only when told to. Timers of the same moment run in the order in which they were set. The wall clock
 * may be set by hand; the monotonic one never goes back.
 */
export class SimClock implements Clock {
  #monotonic = 1_000_000
  /** Wall clock less monotonic. */
  #offset = 1_700_000_000_000 - 1_000_000
  #order = 0
  readonly #heap: Timer[] = []

  now(): number {
    return this.#monotonic + this.#offset
  }

  monotonic(): number {
    return this.#monotonic
  }

  /** Somebody sets the wall clock. */
  shift(milliseconds: number): void {
    this.#offset += milliseconds
  }

  after(milliseconds: number, run: () => void): Stop {
    this.#order += 1
    const timer: Timer = { at: this.#monotonic + Math.max(0, milliseconds), order: this.#order, run, done: false }
    this.#push(timer)
    return () => {
      timer.done = true
    }
  }

  sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const abort = () => {
        stop()
        reject(signal.reason)
      }
      const stop = this.after(milliseconds, () => {
        signal.removeEventListener('abort', abort)
        resolve()
      })
      signal.addEventListener('abort', abort, { once: true })
    })
  }

  /** The moment of the next timer on the monotonic clock; null when there is none. */
  nextAt(): number | null {
    while (this.#heap[0]?.done) this.#pop()
    return this.#heap[0]?.at ?? null
  }

  /** Goes to the next timer, at most to `until`, and runs it. False when there was none up to then. */
  step(until: number): boolean {
    const at = this.nextAt()
    if (at === null || at > until) {
      this.#monotonic = Math.max(this.#monotonic, until)
      return false
    }
    const timer = this.#pop()!
    this.#monotonic = Math.max(this.#monotonic, timer.at)
    timer.done = true
    timer.run()
    return true
  }

  #push(timer: Timer): void {
    const heap = this.#heap
    let at = heap.push(timer) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(timer, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = timer
  }

  #pop(): Timer | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
