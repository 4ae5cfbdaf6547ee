import type { Clock } from './clock.ts'

/** Says "look again", and nothing else; why is for the log only. */
export interface Wakeups {
  wake(why: string): void
  /**
   * Resolves with the reasons collected, at once when there are any, else when one comes or at `until`, a moment of the
   * monotonic clock: a wall clock that is set back would stretch the wait.
   */
  next(until: number, signal: AbortSignal): Promise<readonly string[]>
}

/** Reasons kept for the log; the rest is only counted as having been there. */
const keptReasons = 8

/**
 * The first wakeup after quiet passes at once; what comes within `gap` milliseconds of the last pass waits for its end
 * and passes together. So a lone drift is mended in milliseconds and a storm costs one pass for each gap. The gap is asked
 * for anew at each wakeup: it shrinks when what was under way has ended.
 */
export function newWakeups(clock: Clock, gap: () => number): Wakeups {
  let reasons = new Set<string>()
  let notify: (() => void) | null = null
  let lastPass = Number.NEGATIVE_INFINITY

  const take = (): readonly string[] => {
    const taken = [...reasons]
    reasons = new Set()
    lastPass = clock.monotonic()
    return taken
  }

  return {
    wake(why) {
      if (reasons.size < keptReasons) reasons.add(why)
      notify?.()
    },
    async next(until, signal) {
      while (true) {
        signal.throwIfAborted()
        const wait = reasons.size > 0 ? lastPass + gap() - clock.monotonic() : until - clock.monotonic()
        if (wait <= 0) return take()
        // Whatever comes may end a quiet wait, or make the gap another one.
        await pause(clock, wait, signal, (run) => {
          notify = run
        })
        notify = null
      }
    },
  }
}

/** Waits; ends early when `arm`'s argument is called or the signal aborts. */
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
