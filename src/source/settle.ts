/** How long something must last before it counts, in milliseconds. */
export interface Settle {
  /**
   * A manifest or object is gone in scans this far apart before its tombstone is written: editors rename a file away
   * before they write it anew, git and rsync unlink the old name of a moved file before they write the new one.
   */
  readonly gone: number
  /** A directory whose link was re-pointed is unchanged in scans this far apart before it is trusted. */
  readonly replaced: number
  /** MicroVMs whose deletion began within this time count as going at once. */
  readonly together: number
  /** A manifest without an end of its last line counts as half written while it is younger than this. */
  readonly young: number
  /** A file or directory that moved while it was read is looked at again after this. */
  readonly unsteady: number
  /** The index is tried again after this when it could not be read or written. */
  readonly failure: number
}

export const defaultSettle: Settle = {
  gone: 1000,
  replaced: 2000,
  together: 60_000,
  young: 250,
  unsteady: 250,
  failure: 5000,
}

/** Milliseconds since `since`; a clock that was set back counts as none. */
export function elapsed(since: number, now: number): number {
  return Math.max(0, now - since)
}
