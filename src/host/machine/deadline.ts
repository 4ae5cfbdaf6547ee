import type { Clock } from '../../world/clock.ts'

/**
 * Does `work` under a signal that also aborts after so many milliseconds, then with a sentence that begins with `what`. An
 * answer that came in time counts, however the work takes the abort.
 */
export async function within<T>(
  clock: Clock,
  milliseconds: number,
  what: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController()
  const stop = clock.after(milliseconds, () => late.abort(new Error(`${what} within ${milliseconds / 1000} s`)))
  try {
    return await work(AbortSignal.any([signal, late.signal]))
  } finally {
    stop()
  }
}
