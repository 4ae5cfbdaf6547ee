import type { AnyObject } from '../api/kinds.ts'
import type { ObjectRef } from '../api/meta.ts'
import type { Problem } from '../api/problem.ts'

/**
 * A directory of manifests as one scan saw it. Paths are relative to it, without a leading slash; '' is the directory
 * itself. Reading it is scan.ts; what follows from it is accept.ts.
 */
export interface Tree {
  /** The directory as the user named it. */
  readonly root: string
  /** Why nothing follows from what is absent here: it was not read as a whole. null when it was. */
  readonly fault: string | null
  /** True when it moved while it was read, so that looking again soon is worth it. */
  readonly unsteady: boolean
  readonly directories: ReadonlyMap<string, SeenDirectory>
  readonly files: ReadonlyMap<string, SeenFile>
}

/** Tells a directory from another that stands in its place. */
export interface DirectoryIdentity {
  /** Of the real directory, as in Stat: `device:inode:birth`. */
  readonly identity: string
  /** The links on the way to it, each as `path -> target`. */
  readonly links: readonly string[]
}

export interface SeenDirectory extends DirectoryIdentity {
  /** Why it was not read, as `cannot be read (EACCES)`; null when it was. */
  readonly fault: string | null
}

export interface SeenFile {
  /** Identity, size and time of the last change: equal means that nobody touched it. */
  readonly stamp: string
  /** Why it could not be read; null when it was. It has no documents then. */
  readonly fault: string | null
  readonly documents: readonly SeenDocument[]
  /** The text when it is not good as a whole, else empty: to tell whom it speaks of. */
  readonly text: string
}

/** One document. It has an object exactly when it has no problems. */
export interface SeenDocument {
  readonly key: string | null
  readonly ref: ObjectRef | null
  readonly object: AnyObject | null
  /** From 1. */
  readonly line: number
  readonly problems: readonly Problem[]
}

/** The directories above a file or directory, from '' down: `a/b/c.yaml` has '', 'a' and 'a/b'. */
export function foldersAbove(path: string): readonly string[] {
  const parts = path.split('/').slice(0, -1)
  return ['', ...parts.map((_, index) => parts.slice(0, index + 1).join('/'))]
}

/** Whether a path lies in a directory or below it. */
export function isBeneath(path: string, directory: string): boolean {
  return directory === '' || path.startsWith(`${directory}/`)
}

/** A path as the user knows it. */
export function fullPath(root: string, path: string): string {
  return path === '' ? root : `${root === '/' ? '' : root}/${path}`
}
