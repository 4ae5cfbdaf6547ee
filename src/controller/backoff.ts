import { isEarly, pause } from '../rollout/backoff.ts'

/** One action that failed, and when it is worth another try. */
export interface Failure {
  /** Key of the object it is for. */
  readonly owner: string
  readonly wish: string
  readonly count: number
  readonly retryAt: number
  readonly error: string
}

/**
 * The failure policy of every action: the first retry at once, then 10 s x n² with some jitter up to five minutes; a
 * newer wish starts counting anew. Deletions follow the same policy and are never given up.
 */
export interface Backoff {
  /** Null when the action may be tried now, else its last failure. */
  holds(id: string, wish: string, now: number): Failure | null
  fail(id: string, wish: string, owner: string, error: string, now: number): Failure
  succeed(id: string): void
  /** Forgets failures of actions that no plan asks for any more. */
  keep(ids: ReadonlySet<string>): void
  readonly failures: ReadonlyMap<string, Failure>
}

export function newBackoff(): Backoff {
  const failures = new Map<string, Failure>()
  return {
    failures,
    holds(id, wish, now) {
      const failure = failures.get(id)
      return failure && failure.wish === wish && isEarly(failure.retryAt, now) ? failure : null
    },
    fail(id, wish, owner, error, now) {
      const before = failures.get(id)
      const count = before?.wish === wish ? before.count + 1 : 1
      const failure = { owner, wish, count, retryAt: now + pause(count, id), error }
      failures.set(id, failure)
      return failure
    },
    succeed(id) {
      failures.delete(id)
    },
    keep(ids) {
      for (const id of failures.keys()) if (!ids.has(id)) failures.delete(id)
    },
  }
}
