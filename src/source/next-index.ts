import type { Records } from './bury.ts'
import type { Index } from './index.ts'
import type { Trust } from './replaced.ts'

/**
 * The index after a pass: the very same value when nothing changed, so that nothing is written.
 *
 * @param found null when directories stay as they are known
 * @param complete whether every manifest was understood, so that no record is missing any more
 */
export function nextIndex(previous: Index, records: Records, found: Trust | null, complete: boolean): Index {
  const directories = found === null ? previous.directories : keepMap(previous.directories, found.directories)
  const candidates = found === null ? previous.candidates : keepMap(previous.candidates, found.candidates)
  const recover = previous.recover && !complete
  const ended = recover || previous.ended.length === 0 ? previous.ended : []
  const next = { records: sameRecords(previous.records, records), directories, candidates, recover, ended }
  const same = Object.entries(next).every(([name, value]) => previous[name as keyof Index] === value)
  return same ? previous : next
}

function sameRecords(before: Index['records'], after: Records): Index['records'] {
  const same = before.size === after.size && [...after].every(([key, record]) => before.get(key) === record)
  return same ? before : after
}

/** The older of two equal maps. */
function keepMap<T>(before: ReadonlyMap<string, T>, after: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  return JSON.stringify([...before]) === JSON.stringify([...after]) ? before : after
}
