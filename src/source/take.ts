import type { AnyObject } from '../api/kinds.ts'
import { refOf } from '../api/meta.ts'
import { type Claim, documentProblems } from './claims.ts'
import { sameContent, sameObject } from './identity.ts'
import { fileOf, type IndexRecord } from './index.ts'
import type { SourceProblem } from './source.ts'
import { fullPath } from './tree.ts'

/** What the manifests say of one object. */
export interface Taken {
  /** The record from now on; null when there is none. */
  readonly record: IndexRecord | null
  /** What is wrong with the version that was not taken. */
  readonly newer: readonly SourceProblem[]
}

export interface TakeContext {
  readonly root: string
  readonly now: number
  /** Where an object of that key stands outside the manifests; null when nowhere. */
  elsewhere(key: string): string | null
  /** A uid for a newcomer. */
  uidOf(key: string): string
}

/** Takes the one good version of an object, or none: then the last good one stays. `claims` is not empty. */
export function take(key: string, claims: readonly Claim[], previous: IndexRecord | null, context: TakeContext): Taken {
  if (previous !== null && isUntouched(previous, claims) && context.elsewhere(key) === null) {
    return { record: previous, newer: [] }
  }
  const back = previous === null ? null : comeBack(previous)
  const present = back === null || back.absence === null ? back : { ...back, absence: null }
  const newer = refusals(key, claims, back, context)
  const { file, document } = claims[0]!
  if (newer.length > 0 || document.object === null) return { record: present, newer }
  const origin = { file, line: document.line }
  if (present === null) return { record: newcomer(key, document.object, origin, context), newer }
  return { record: updated(present, document.object, origin), newer }
}

/**
 * A network whose deletion waits for the VMs on it would wait for ever when its manifest comes back, since they stay. It
 * has neither bytes nor a process of its own, so it lives on as it was.
 */
function comeBack(record: IndexRecord): IndexRecord {
  return record.deletion !== null && record.ref.kind === 'MicroVMNetwork' ? { ...record, deletion: null } : record
}

/** Nothing new: most objects in most passes. */
function isUntouched({ object, origin, absence, deletion }: IndexRecord, claims: readonly Claim[]): boolean {
  const { file, document } = claims[0]!
  const settled = absence === null && deletion === null && claims.length === 1
  const same = object !== null && document.object !== null && sameObject(object, document.object)
  return settled && same && !('machine' in origin) && origin.file === file
}

function refusals(
  key: string,
  claims: readonly Claim[],
  previous: IndexRecord | null,
  { root, elsewhere }: TakeContext,
): readonly SourceProblem[] {
  const own = claims.flatMap(({ file, document }) => documentProblems(fullPath(root, file), document))
  const other = elsewhere(key)
  if (other !== null)
    return [...own, ...notes(root, key, claims, () => `${key} is ${other} as well: take one of the two away`)]
  if (claims.length > 1) return [...own, ...notes(root, key, claims, (at) => twice(root, key, claims, at))]
  if (previous?.deletion)
    return [...own, ...notes(root, key, claims, () => `${key} is being deleted: this one follows when that is done`)]
  return own
}

function notes(
  root: string,
  key: string,
  claims: readonly Claim[],
  message: (at: number) => string,
): readonly SourceProblem[] {
  return claims.map(({ file, document }, at) => {
    return { file: fullPath(root, file), line: document.line, column: 1, message: message(at), key }
  })
}

function twice(root: string, key: string, claims: readonly Claim[], at: number): string {
  const others = claims.filter((_, index) => index !== at).slice(0, 3)
  const places = others.map(({ file, document }) => `${fullPath(root, file)}:${document.line}`)
  return `${key} is in ${places.join(' and in ')} as well: take one of the two away`
}

function newcomer(
  key: string,
  object: AnyObject,
  origin: { file: string; line: number },
  { now, uidOf }: TakeContext,
): IndexRecord {
  const fixed = { key, ref: refOf(object), uid: uidOf(key), generation: 1, createdAt: now }
  return { ...fixed, object, stored: null, origin, deletion: null, absence: null }
}

/** A version that is equal leaves the older one, so that a stored Secret keeps its file. */
function updated(record: IndexRecord, object: AnyObject, origin: { file: string; line: number }): IndexRecord {
  if (record.object !== null && sameObject(record.object, object)) {
    // A line that moved is worth no write.
    return fileOf(record)?.file === origin.file ? record : { ...record, origin }
  }
  const grown = record.object !== null && sameContent(record.object, object) ? 0 : 1
  return { ...record, object, stored: null, origin, generation: record.generation + grown }
}
