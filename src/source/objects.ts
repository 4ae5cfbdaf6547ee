import type { AnyObject } from '../api/kinds.ts'
import { keyOf, refOf } from '../api/meta.ts'
import { sameContent, sameObject } from './identity.ts'
import { fileOf, type Index, type IndexRecord } from './index.ts'

/*
 * Machine-made objects (operations, volumes, what `moorage apply` brought) have an index of their own under
 * /var/lib/moorage/objects, which is also where they live: nothing else says that they are wanted.
 */

/** Why objects were not put; the message is a sentence without a full stop. */
export class RefusedError extends Error {
  readonly key: string
  constructor(key: string, message: string) {
    super(message)
    this.name = 'RefusedError'
    this.key = key
  }
}

export interface PutContext {
  readonly now: number
  /** The index of the manifests and their directory: a key stands in one place. */
  readonly manifests: Index
  readonly root: string
  uidOf(key: string): string
}

/** The index with those objects made or updated: all of them, or a {@link RefusedError}. */
export function putObjects(index: Index, objects: readonly AnyObject[], context: PutContext): Index {
  const records = new Map(index.records)
  for (const object of objects) {
    const key = keyOf(object)
    const known = records.get(key)
    refuse(key, known, context)
    records.set(key, known === undefined ? newcomer(key, object, context) : updated(known, object))
  }
  const same =
    records.size === index.records.size && [...records].every(([key, each]) => index.records.get(key) === each)
  return same ? index : { ...index, records }
}

/** The index with a tombstone for each of those keys that it has. */
export function deleteObjects(index: Index, keys: readonly string[], now: number): Index {
  const records = new Map(index.records)
  let changed = false
  for (const key of keys) {
    const known = records.get(key)
    if (known === undefined || known.deletion !== null) continue
    records.set(key, { ...known, deletion: { at: now, asked: true } })
    changed = true
  }
  return changed ? { ...index, records } : index
}

/**
 * The index without an object whose deletion is done: its uid ends. The same when there is no such tombstone.
 * `lingers`: the host still carries something of it, as a released volume, that must not bring the uid back.
 */
export function finishObject(index: Index, key: string, uid: string, lingers: boolean): Index {
  const known = index.records.get(key)
  if (known?.uid !== uid || known.deletion === null) return index
  const records = new Map(index.records)
  records.delete(key)
  return { ...index, records, ended: index.recover && lingers ? [...index.ended, key] : index.ended }
}

function refuse(key: string, known: IndexRecord | undefined, { manifests, root }: PutContext): void {
  const other = manifests.records.get(key)
  const origin = other === undefined ? null : fileOf(other)
  if (origin !== null) {
    const place = `${root}/${origin.file}:${origin.line}`
    throw new RefusedError(key, `${key} comes from ${place}: change it there, or take it away there and apply it again`)
  }
  if (known?.deletion) throw new RefusedError(key, `${key} is being deleted: apply it again when that is done`)
}

function newcomer(key: string, object: AnyObject, { now, uidOf }: PutContext): IndexRecord {
  const fixed = { key, ref: refOf(object), uid: uidOf(key), generation: 1, createdAt: now }
  return { ...fixed, object, stored: null, origin: { machine: true }, deletion: null, absence: null }
}

function updated(record: IndexRecord, object: AnyObject): IndexRecord {
  if (record.object !== null && sameObject(record.object, object)) return record
  const grown = record.object !== null && sameContent(record.object, object) ? 0 : 1
  return { ...record, object, stored: null, generation: record.generation + grown }
}
