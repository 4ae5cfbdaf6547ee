import type { IndexRecord } from './index.ts'
import { elapsed, type Settle } from './settle.ts'

/** So many MicroVMs at least, before their number is looked at. */
const FEW = 4

/** What the guard against mass deletion finds. */
export interface Guard {
  /** The records with `absence.held` as it is from now on. */
  readonly records: readonly IndexRecord[]
  /** What to do, when anything is held; else null. */
  readonly message: string | null
}

/**
 * Holds a deletion of more than half of at least four MicroVMs at once, together with whatever else is gone with them:
 * a directory that was emptied by mistake should stop nobody. A held MicroVM stays so until its own manifest is back or
 * it is asked for by name: manifests that are put back one by one take nothing with them on the way. What went together
 * with them is judged anew once no MicroVM is held.
 *
 * @param records every record that came from a manifest
 */
export function guard(records: readonly IndexRecord[], now: number, settle: Settle): Guard {
  const going = records.filter((record) => record.ref.kind === 'MicroVM' && isGoing(record, now, settle))
  const all = records.filter((record) => record.ref.kind === 'MicroVM' && isCounted(record, now, settle))
  const tooMany = all.length >= FEW && going.length * 2 > all.length
  const held = records.map((record) => (tooMany && isDue(record, now, settle) ? withHeld(record) : record))
  const machines = held.filter(({ ref, absence }) => ref.kind === 'MicroVM' && absence?.held === true)
  if (machines.length === 0) return { records: held.map((record) => released(record, now)), message: null }
  return { records: held, message: sentence(machines, going.length, all.length) }
}

/** Whether the absence of an object lasted long enough to count. */
export function isDue({ absence }: IndexRecord, now: number, settle: Settle): boolean {
  return absence !== null && elapsed(absence.since, now) >= settle.gone
}

/** Absent now, or with a young tombstone that nobody asked for. */
function isGoing({ absence, deletion }: IndexRecord, now: number, settle: Settle): boolean {
  if (deletion === null) return absence !== null
  return !deletion.asked && elapsed(deletion.at, now) < settle.together
}

function isCounted(record: IndexRecord, now: number, settle: Settle): boolean {
  return record.deletion === null || isGoing(record, now, settle)
}

function withHeld(record: IndexRecord): IndexRecord {
  if (record.absence === null || record.absence.held) return record
  return { ...record, absence: { ...record.absence, held: true } }
}

/** Its time begins again: its manifest may be the next that is put back. */
function released(record: IndexRecord, now: number): IndexRecord {
  return record.absence?.held ? { ...record, absence: { since: now, held: false } } : record
}

function sentence(held: readonly IndexRecord[], going: number, all: number): string {
  const rest = `${held.length} of the MicroVMs that would have gone at once ${held.length === 1 ? 'is' : 'are'} kept`
  const what = going * 2 > all ? `${going} of ${all} MicroVMs would go at once` : rest
  return `${what}: put their manifests back, or confirm with ${commands(held)}`
}

/** The commands that confirm, one for each namespace. */
function commands(held: readonly IndexRecord[]): string {
  const namespaces = [...new Set(held.map(({ ref }) => ref.namespace))]
  return namespaces.map((namespace) => command(namespace, held)).join(' and ')
}

function command(namespace: string, held: readonly IndexRecord[]): string {
  const names = held.filter(({ ref }) => ref.namespace === namespace).map(({ ref }) => ref.name)
  const shown = names.length > 10 ? [...names.slice(0, 10), '…'] : names
  const option = namespace === 'default' ? '' : ` -n ${namespace}`
  return `\`moorage delete MicroVM ${shown.join(' ')}${option}\``
}
