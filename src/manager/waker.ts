import type { Clock } from '../world/clock.ts'

/** Says "look again", and nothing else. */
export interface Waker {
  wake(): void
  /** Resolves when somebody woke since the last time, or after so many milliseconds, or when the signal aborts. */
  next(milliseconds: number, signal: AbortSignal): Promise<void>
}

/** What wakes within `gap` milliseconds of the last look waits for its end and counts once. */
export function newWaker(clock: Clock, gap: number): Waker {
  let woken = false
  let notify: (() => void) | null = null
  let last = Number.NEGATIVE_INFINITY

  return {
    wake() {
      woken = true
      notify?.()
    },
    async next(milliseconds, signal) {
      const until = clock.monotonic() + milliseconds
      while (!signal.aborted) {
        const earliest = last + gap - clock.monotonic()
        const wait = woken ? earliest : Math.max(until - clock.monotonic(), earliest)
        if (wait <= 0) break
        await pause(clock, wait, signal, (run) => {
          notify = run
        })
        notify = null
      }
      woken = false
      last = clock.monotonic()
    },
  }
}

function pause(clock: Clock, milliseconds: number, signal: AbortSignal, arm: (run: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stop()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const stop = clock.after(Math.min(milliseconds, 2 ** 31 - 1), done)
    signal.addEventListener('abort', done, { once: true })
    arm(done)
  })
}
