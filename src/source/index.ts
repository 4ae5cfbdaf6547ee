import type { AnyObject } from '../api/kinds.ts'
import type { ObjectRef } from '../api/meta.ts'
import type { DirectoryIdentity } from './tree.ts'

/**
 * What the controller knows of objects and no host can say: uid, generation, tombstone, the last good version. A value;
 * index-store.ts keeps it on the disk, accept.ts makes the next one of it.
 */
export interface Index {
  readonly records: ReadonlyMap<string, IndexRecord>
  /** The directory of manifests when it was last trusted: every directory above a manifest, by relative path. */
  readonly directories: ReadonlyMap<string, DirectoryIdentity>
  /** Directories that stand in the place of others, and since when they were seen as they are; see replaced.ts. */
  readonly candidates: ReadonlyMap<string, Candidate>
  /** True when records may be missing that once were there: then uids are asked from the host before new ones are made. */
  readonly recover: boolean
  /** Keys whose uid ended since then: nothing on the host may bring it back. */
  readonly ended: readonly string[]
}

export interface IndexRecord {
  readonly key: string
  readonly ref: ObjectRef
  readonly uid: string
  readonly generation: number
  /** Milliseconds since the epoch, as every time here. */
  readonly createdAt: number
  /** The last good version; null for a Secret whose stored value cannot be read. */
  readonly object: AnyObject | null
  /** Name of the file that holds a Secret; null for every other kind, and before it is saved. */
  readonly stored: string | null
  readonly origin: RecordOrigin
  /** The tombstone. `asked`: somebody asked for it by name. */
  readonly deletion: { readonly at: number; readonly asked: boolean } | null
  readonly absence: Absence | null
  /** Of an object of a cluster: which binding to this host it came with. */
  readonly epoch?: number
  /** Of a MicroVM of a cluster: the boot of this host during which the server said last that it is bound here. */
  readonly boot?: string
}

/** `file` is relative to the directory of manifests. */
export type RecordOrigin = { readonly file: string; readonly line: number } | { readonly machine: true }

/** No manifest speaks of the object, and that counts. */
export interface Absence {
  readonly since: number
  /** It went with too many others and waits for a confirmation. */
  readonly held: boolean
}

export interface Candidate {
  /** When it was first seen in the place of the other. */
  readonly first: number
  /** Digest of everything in it, and since when that is so; null while it cannot become trusted. */
  readonly steady: { readonly stamp: string; readonly since: number } | null
}

/** The index of a root that has none. `recover`: the old one may have been lost. */
export function emptyIndex(): Index {
  return { records: new Map(), directories: new Map(), candidates: new Map(), recover: true, ended: [] }
}

/** The manifest a record came from; null for a machine-made object. */
export function fileOf({ origin }: IndexRecord): { readonly file: string; readonly line: number } | null {
  return 'machine' in origin ? null : origin
}
