import type { NetOutcome } from '../../net.ts'

/** Operations by their place in the commit, in that order. */
export type Indexed<Operation> = ReadonlyMap<number, Operation>

/** What became of each operation of one commit; each holds until it is said to have failed. */
export interface Outcomes {
  /** A second failure of the same operation is only counted. */
  fail(operation: number, why: string): void
  failed(operation: number): boolean
  list(): readonly NetOutcome[]
}

/** Outcomes of `count` operations, in order. */
export function outcomesOf(count: number): Outcomes {
  const failures = new Map<number, { why: string; more: number }>()
  return {
    fail(operation, why) {
      const before = failures.get(operation)
      if (before === undefined) failures.set(operation, { why, more: 0 })
      else before.more += 1
    },
    failed: (operation) => failures.has(operation),
    list: () =>
      Array.from({ length: count }, (_, operation) => {
        const failure = failures.get(operation)
        if (failure === undefined) return { error: null }
        return { error: failure.more === 0 ? failure.why : `${failure.why} (and ${failure.more} more)` }
      }),
  }
}
