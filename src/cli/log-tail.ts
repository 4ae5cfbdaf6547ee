/** A log that is cut now and then: its end goes to `before`, and `now` begins anew. null: not there. */
export interface LogPart {
  readonly before: Uint8Array | null
  readonly now: Uint8Array | null
}

/** Bytes by which the place is found again where reading stopped. */
const mark = 256

/**
 * Answers what is new each time it is given the whole log: at first everything, then what was appended. Of a log that was
 * cut meanwhile, also what came before the cut and was not given out yet. Pure but for what it remembers.
 */
export function newTail(): (part: LogPart) => readonly Uint8Array[] {
  let at = 0
  let last: Uint8Array | null = null
  return ({ before, now }) => {
    const bytes = now ?? new Uint8Array()
    const first = last === null
    const missed = first ? (before ?? new Uint8Array()) : bytes.length < at ? restOf(before, last) : new Uint8Array()
    if (bytes.length < at) at = 0
    const fresh = bytes.subarray(at)
    at = bytes.length
    const given = [missed, fresh].filter((one) => one.length > 0)
    last = lastBytes([...(last === null ? [] : [last]), ...given])
    return given
  }
}

/** What follows in the old part behind what was given out last; nothing when that is not in it. */
function restOf(before: Uint8Array | null, last: Uint8Array | null): Uint8Array {
  if (before === null || last === null || last.length === 0) return new Uint8Array()
  const at = Buffer.from(before.buffer, before.byteOffset, before.length).lastIndexOf(last)
  return at < 0 ? new Uint8Array() : before.subarray(at + last.length)
}

function lastBytes(pieces: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(pieces).subarray(-mark))
}
