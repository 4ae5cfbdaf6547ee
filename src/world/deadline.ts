import type { Clock } from './clock.ts'

/**
 * Runs something that must be over within `milliseconds`: its signal aborts then, or when `parent` does, whichever is
 * first, with an error that says so.
 */
export async function withDeadline<T>(
  clock: Clock,
  milliseconds: number,
  parent: AbortSignal | null,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const forward = () => controller.abort(parent?.reason)
  if (parent?.aborted) forward()
  parent?.addEventListener('abort', forward, { once: true })
  const stop = clock.after(milliseconds, () => controller.abort(new Error(`took longer than ${milliseconds / 1000} s`)))
  try {
    return await run(controller.signal)
  } finally {
    stop()
    parent?.removeEventListener('abort', forward)
  }
}
