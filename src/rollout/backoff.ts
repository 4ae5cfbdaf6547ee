import type { CrashCount } from '../action.ts'
import { digest } from '../digest.ts'
import type { MachineRecord } from '../ledger.ts'

/** A machine that ran this long before it ended starts counting anew, milliseconds. */
export const steadyAfter = 600_000

/** Longest pause between two tries, milliseconds. */
export const longestPause = 300_000

/**
 * Pause before try `count + 1`, milliseconds: none before the first, then 10 s x n² up to five minutes, spread by up to
 * a tenth (fixed per `seed`, so that the same inputs give the same plan).
 */
export function pause(count: number, seed: string): number {
  if (count <= 1) return 0
  const base = Math.min(10_000 * (count - 1) ** 2, longestPause)
  const spread = Number.parseInt(digest([seed, count]).slice(0, 8), 16) / 0xffffffff
  return Math.round(base * (1 + spread / 10))
}

/** Whether it is too early for another try. A moment farther away than any pause is one from before the clock was set. */
export function isEarly(retryAt: number, now: number): boolean {
  return retryAt > now && retryAt - now <= longestPause * 1.1
}

/** The count after one more crash at `now`. */
export function afterCrash(record: MachineRecord | undefined, uid: string, now: number): CrashCount {
  const ran = record?.started ? now - record.started.at : 0
  const count = ran >= steadyAfter ? 1 : (record?.crashes.count ?? 0) + 1
  return { count, retryAt: now + pause(count, uid) }
}
