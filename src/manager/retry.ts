import { pauseAfter } from '../kubernetes/pause.ts'
import type { Clock, Random } from '../world/clock.ts'
import type { Write } from './decision.ts'
import type { Outcome } from './write.ts'

/** Which writes may be tried now. */
export interface Retries {
  enter(write: Write, outcome: Outcome): void
  mayTry(write: Write): boolean
  /** Forgets writes that nobody asks for any more. */
  keep(writes: readonly Write[]): void
  /** When the next one may be tried, by the monotonic clock; null when none waits. */
  readonly next: number | null
}

interface Pause {
  readonly failures: number
  readonly until: number
  /** What was decided on. */
  readonly version: string
}

/** What failed waits, longer each time, for ever, and alone. What was stale waits for a newer version, or as long. */
export function newRetries(clock: Clock, random: Random): Retries {
  const pauses = new Map<string, Pause>()
  return {
    enter(write, outcome) {
      if (outcome.is === 'done') pauses.delete(write.id)
      if (outcome.is === 'done' || outcome.is === 'skipped') return
      const isStale = outcome.is === 'stale'
      const version = isStale ? versionOf(write) : ''
      const before = pauses.get(write.id)
      // Somebody may write an object again and again: that is no reason to be slow. A watch that tells nothing of it is.
      const failures = isStale && before?.version !== version ? 1 : (before?.failures ?? 0) + 1
      const until = clock.monotonic() + pauseAfter(failures, isStale ? null : outcome.error, random)
      pauses.set(write.id, { failures, until, version })
    },
    mayTry(write) {
      const pause = pauses.get(write.id)
      if (pause === undefined || clock.monotonic() >= pause.until) return true
      return pause.version !== '' && pause.version !== versionOf(write)
    },
    keep(writes) {
      const ids = new Set(writes.map(({ id }) => id))
      for (const id of pauses.keys()) if (!ids.has(id)) pauses.delete(id)
    },
    get next() {
      const times = [...pauses.values()].map(({ until }) => until)
      return times.length === 0 ? null : Math.min(...times)
    },
  }
}

function versionOf({ on }: Write): string {
  return on === null ? 'none' : `${on.uid} ${on.resourceVersion}`
}
