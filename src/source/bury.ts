import type { Evidence } from './evidence.ts'
import { guard, isDue } from './guard.ts'
import type { IndexRecord } from './index.ts'
import type { Notes } from './notes.ts'
import type { Settle } from './settle.ts'

/** Records by key, on their way to the next index. */
export type Records = Map<string, IndexRecord>

export interface BuryContext {
  readonly root: string
  readonly now: number
  readonly settle: Settle
  /** Keys whose deletion somebody asked for by name. */
  readonly asked: ReadonlySet<string>
}

/** Writes a tombstone for what is absent and was asked for by name, unless its own manifest is there and may hold it. */
export function buryAsked(
  records: Records,
  absent: readonly IndexRecord[],
  evidence: Evidence,
  context: BuryContext,
): void {
  for (const record of absent) {
    if (!context.asked.has(record.key) || evidence.ownManifest(record).length > 0) continue
    records.set(record.key, buried(record, context.now, true))
  }
}

/** Notes since when each object is cleanly absent, and writes tombstones for those that are so for long enough. */
export function buryAbsent(
  records: Records,
  absent: readonly IndexRecord[],
  evidence: Evidence,
  notes: Notes,
  context: BuryContext,
): void {
  for (const record of absent) {
    const kept = evidence.keptBy(record)
    notes.addTo(record.key, kept ?? [])
    records.set(record.key, withAbsence(record, kept === null, context.now))
  }
  const guarded = guard([...records.values()], context.now, context.settle)
  for (const record of guarded.records) records.set(record.key, record)
  const { message } = guarded
  if (message !== null) notes.add([{ file: context.root, line: 0, column: 0, message, key: null }])
  for (const record of guarded.records) {
    if (record.absence?.held) notes.tell(record.key, [heldNote(record, context.root)])
    else if (isDue(record, context.now, context.settle)) records.set(record.key, buried(record, context.now, false))
  }
}

function withAbsence(record: IndexRecord, gone: boolean, now: number): IndexRecord {
  // What is held stays held: only its return or a word from somebody changes that.
  if (record.absence?.held) return record
  if (!gone) return record.absence === null ? record : { ...record, absence: null }
  // A time to come is one from before the clock was set back.
  const known = record.absence !== null && record.absence.since <= now
  return known ? record : { ...record, absence: { since: now, held: false } }
}

function buried(record: IndexRecord, at: number, asked: boolean): IndexRecord {
  return { ...record, absence: null, deletion: { at, asked } }
}

function heldNote({ key }: IndexRecord, root: string) {
  const message = `${key} went together with too many MicroVMs and is kept: put its manifest back, or confirm with \`moorage delete\``
  return { file: root, line: 0, column: 0, message, key }
}
