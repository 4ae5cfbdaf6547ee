import type { ObservedMachine } from '../host-state.ts'

type Seen = Pick<ObservedMachine, 'uid' | 'resets' | 'started'>

/**
 * Counts in-place reboots of guests from the totals that each incarnation has: answers how many there were since it was
 * asked last. The first look counts none, since nobody knows when those happened.
 */
export function newResetCounter(): (machines: readonly Seen[]) => number {
  let before: ReadonlyMap<string, number> | null = null
  return (machines) => {
    const now = new Map(machines.map((one) => [`${one.uid}/${one.started?.incarnation}`, one.resets]))
    const known = before
    before = now
    if (known === null) return 0
    return [...now].reduce((sum, [key, resets]) => sum + Math.max(0, resets - (known.get(key) ?? 0)), 0)
  }
}
