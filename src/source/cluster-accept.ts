import { checkObject } from '../api/check.ts'
import { type AnyObject, kindOf } from '../api/kinds.ts'
import { manifestOf } from '../api/manifest.ts'
import { type ObjectKey, parseKey } from '../api/meta.ts'
import type { ApiObject } from '../kubernetes/resource.ts'
import type { Index, IndexRecord } from './index.ts'
import type { Assigned, SourceProblem } from './source.ts'

/** What a server says of an object of ours that it no longer sends us. */
export type Answer =
  /** It has no object of that name. `deleted`: the last version it sent was being deleted. */
  | { readonly is: 'gone'; readonly deleted: boolean }
  /** Another incarnation has the name: ours ended. */
  | { readonly is: 'replaced' }
  /** It is bound to another host, by a later decision than the one that bound it here. */
  | { readonly is: 'elsewhere' }
  /** It is there and being deleted, although its status does not name this host any more. */
  | { readonly is: 'deleting'; readonly at: number }
  /** It is there, and nothing that was said takes it away from this host. */
  | { readonly is: 'ours' }

export interface Seen {
  /** Everything that is for this host, by key. */
  readonly objects: ReadonlyMap<string, ApiObject>
  /** What was found out of those that left, by key. */
  readonly answers: ReadonlyMap<string, Answer>
  /** Keys of objects that are asked for by name and were not answered yet: that they are not there means nothing. */
  readonly unread: ReadonlySet<string>
  /** Uids of which nothing is left here, although the server still has them. */
  readonly finished: ReadonlySet<string>
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Which boot of this host it is. */
  readonly bootId: string
}

export interface Acceptance {
  /** The very same when nothing changed. */
  readonly index: Index
  /** By key: what is wrong with a newer version than the accepted one. */
  readonly newer: ReadonlyMap<string, readonly SourceProblem[]>
  /** What is wrong with objects of which no version is accepted, and objects that vanished. */
  readonly problems: readonly SourceProblem[]
  /** By key. */
  readonly assigned: ReadonlyMap<string, Assigned>
}

/** Kinds whose absence means nothing by itself: what they stand for runs, or is somebody's data. */
export const anchored: ReadonlySet<string> = new Set(['MicroVM', 'MicroVMState'])

/**
 * The next index after what a cluster sent. Pure. A bad version of an object keeps its last good one; an object that is not
 * sent any more stays until the server said why.
 */
export function acceptCluster(previous: Index, seen: Seen, checked: Checker): Acceptance {
  const records = new Map<string, IndexRecord>()
  const newer = new Map<string, readonly SourceProblem[]>()
  const problems: SourceProblem[] = []
  const assigned = new Map<string, Assigned>()
  for (const [key, object] of seen.objects) {
    if (seen.finished.has(object.metadata.uid)) continue
    const before = previous.records.get(key)
    const found = checked(key, object)
    const faults = 'faults' in found ? found.faults : []
    if (faults.length > 0) {
      if (before) newer.set(key, faults)
      else problems.push(...faults)
    }
    const record = next(key, before, object, 'object' in found ? found.object : null, seen)
    if (record === null) continue
    records.set(key, record)
    assigned.set(key, assignedOf(object))
  }
  for (const [key, record] of previous.records) {
    if (seen.objects.has(key)) continue
    const kept = seen.unread.has(key) ? record : departed(record, seen.answers.get(key), seen.now)
    if (kept === null) continue
    records.set(key, kept)
    if (seen.answers.get(key)?.is === 'gone' && kept.deletion === null) problems.push(vanished(key))
  }
  const same =
    records.size === previous.records.size && [...records].every(([key, each]) => previous.records.get(key) === each)
  return { index: same ? previous : { ...previous, recover: false, records }, newer, problems, assigned }
}

/** What one object came to: its plain form, or what is wrong with it. */
export type Checker = (
  key: string,
  object: ApiObject,
) => { readonly object: AnyObject } | { readonly faults: readonly SourceProblem[] }

/** Results kept, of objects that may be gone. */
const mostKnown = 20_000

/** Checks what people wrote each time it changes, and not when only its status did. */
export function newChecker(): Checker {
  const known = new Map<
    string,
    { readonly version: string; readonly text: string; readonly result: ReturnType<Checker> }
  >()
  return (key, object) => {
    const version = `${object.metadata.uid} ${object.metadata.resourceVersion}`
    const before = known.get(key)
    if (before?.version === version) return before.result
    // Names come and go; what is still there is checked again once.
    if (known.size > mostKnown) known.clear()
    const { kind } = parseKey(key as ObjectKey)
    const written = manifestOf({ ...object, kind, apiVersion: kindOf(kind)?.apiVersion ?? object.apiVersion })
    const text = JSON.stringify(written)
    const result = before?.text === text ? before.result : check(key, written)
    known.set(key, { version, text, result })
    return result
  }
}

function check(key: string, written: unknown): ReturnType<Checker> {
  const found = checkObject(written)
  if ('object' in found) return found
  return { faults: found.faults.map(({ message }) => ({ file: '', line: 0, column: 0, message, key })) }
}

function next(
  key: string,
  before: IndexRecord | undefined,
  { metadata, status }: ApiObject,
  object: AnyObject | null,
  { now, bootId }: Pick<Seen, 'now' | 'bootId'>,
): IndexRecord | null {
  const ref = parseKey(key as ObjectKey)
  const isAnchored = anchored.has(ref.kind)
  if (before && before.uid !== metadata.uid && isAnchored) return before.deletion ? before : ended(before, now)
  const epoch = epochOf(status)
  const boot = ref.kind === 'MicroVM' ? bootId : undefined
  const deletion =
    isAnchored && metadata.deletionTimestamp ? { at: timeOf(metadata.deletionTimestamp, now), asked: true } : null
  const good = object ?? (before?.uid === metadata.uid ? before.object : null)
  if (good === null) return null
  const { generation = 1 } = metadata
  const grown = object === null ? (before?.generation ?? generation) : generation
  if (
    before?.uid === metadata.uid &&
    before.object === good &&
    before.generation === grown &&
    before.epoch === epoch &&
    before.boot === boot &&
    (before.deletion === null) === (deletion === null)
  )
    return before
  return {
    ...{ key, ref, uid: metadata.uid, generation: grown, createdAt: timeOf(metadata.creationTimestamp, now) },
    ...{ object: good, stored: before?.object === good ? before.stored : null },
    ...{ origin: { machine: true }, deletion, absence: null },
    ...(epoch !== undefined && { epoch }),
    ...(boot !== undefined && { boot }),
  }
}

/** What becomes of a record that the server sends no more; null: it goes, and nothing hangs on it. */
function departed(record: IndexRecord, answer: Answer | undefined, now: number): IndexRecord | null {
  if (!anchored.has(record.ref.kind)) return null
  if (record.deletion !== null) return record
  switch (answer?.is) {
    case 'replaced':
    case 'elsewhere':
      return ended(record, now)
    case 'deleting':
      return { ...record, deletion: { at: answer.at, asked: true } }
    case 'gone':
      return answer.deleted ? ended(record, now) : record
    default:
      return record
  }
}

function ended(record: IndexRecord, now: number): IndexRecord {
  return { ...record, deletion: { at: now, asked: true } }
}

function vanished(key: string): SourceProblem {
  const message = `${key} vanished from the cluster without being deleted: it is left as it is; create it again, and the new one takes its place`
  return { file: '', line: 0, column: 0, message, key }
}

function assignedOf({ status }: ApiObject): Assigned {
  const addresses: Record<string, string> = {}
  const interfaces = (status as { interfaces?: unknown } | undefined)?.interfaces
  for (const each of Array.isArray(interfaces) ? interfaces : []) {
    const { name, addresses: given } = (each ?? {}) as { name?: unknown; addresses?: { address?: unknown }[] }
    const address = Array.isArray(given) ? given[0]?.address : undefined
    if (typeof name === 'string' && typeof address === 'string') addresses[name] = address
  }
  const { rollout, restart } = (status ?? {}) as { rollout?: unknown; restart?: { granted?: unknown } }
  const granted = typeof restart?.granted === 'string' ? restart.granted : null
  return { addresses, turn: typeof rollout === 'string' && rollout !== '' ? { rollout, granted } : null }
}

/** Which decision bound an object, as its status says; undefined for kinds that are bound to no host. */
export function epochOf(status: unknown): number | undefined {
  const epoch = (status as { bindingEpoch?: unknown } | undefined)?.bindingEpoch
  return typeof epoch === 'number' && Number.isSafeInteger(epoch) ? epoch : undefined
}

/** RFC 3339 as milliseconds since the epoch. */
export function timeOf(text: string | undefined, otherwise: number): number {
  const time = Date.parse(text ?? '')
  return Number.isNaN(time) ? otherwise : time
}
