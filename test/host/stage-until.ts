import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds between two looks. */
const pause = 25

/**
 * Looks until something holds, and answers what was seen then. Fails after `seconds` with what was seen last. A look that
 * throws counts as one that does not hold.
 */
export async function until<T>(
  what: string,
  seconds: number,
  look: () => T | Promise<T>,
  holds: (seen: T) => boolean = Boolean,
): Promise<T> {
  const end = performance.now() + seconds * 1000
  for (;;) {
    let last: unknown
    try {
      const seen = await look()
      if (holds(seen)) return seen
      last = seen
    } catch (error) {
      last = error instanceof Error ? error.message : error
    }
    if (performance.now() > end) {
      const shown = typeof last === 'string' ? last : (JSON.stringify(last) ?? 'nothing')
      throw new Error(`${what}: not within ${seconds} s; seen last: ${shown.slice(0, 800)}`)
    }
    await sleep(pause)
  }
}

/** Fails when something ceases to hold within `seconds`. */
export async function stays(what: string, seconds: number, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    if (!(await holds())) throw new Error(`${what}: no longer`)
    await sleep(pause)
  }
}

/** What was done, and the milliseconds that it took. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now()
  await work()
  return Math.round(performance.now() - from)
}
