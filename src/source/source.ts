import type { AnyObject } from '../api/kinds.ts'
import type { ObjectRef } from '../api/meta.ts'
import type { Turn } from '../host-state.ts'

/** Where what is wanted comes from. */
export interface Source {
  /**
   * Everything that is wanted now, with what is wrong with it. Never throws for content nor for a failing disk: then it
   * says what was accepted before, and why nothing newer is. Rejects with the signal's reason when aborted.
   */
  list(signal: AbortSignal): Promise<SourceView>
  /** All of an object with a tombstone is gone: its uid ends. Nothing when there is no such object; safe to repeat. */
  finish(key: string, uid: string): Promise<void>
  /** Objects made on this host; null where all come from elsewhere. */
  readonly own: OwnObjects | null
}

/** Objects that are made on this host and stand in no manifest. */
export interface OwnObjects {
  /**
   * Makes or updates machine-made objects, all or none. Throws a RefusedError for a key that stands in a manifest or is
   * being deleted, and a FileError when they cannot be written.
   */
  put(objects: readonly AnyObject[], signal: AbortSignal): Promise<readonly Accepted[]>
  /**
   * Deletes by name: machine-made objects, and objects whose manifest is gone but whose deletion is held. What a manifest
   * still speaks of is refused. Throws a FileError when it cannot be written.
   */
  delete(keys: readonly string[], signal: AbortSignal): Promise<readonly Refusal[]>
}

/** Why something that was asked for by name was not done. */
export interface Refusal {
  readonly key: string
  /** One sentence, without a full stop. */
  readonly message: string
}

export interface SourceView {
  /** By key, each once; those that are being deleted are among them. */
  readonly objects: readonly Accepted[]
  readonly problems: readonly SourceProblem[]
  /** Why absent objects are not taken as deleted; null when deletions count. */
  readonly hold: string | null
  /** Milliseconds since the epoch when it is worth looking again although nothing moves; null when it is not. */
  readonly recheckAt: number | null
}

/** An object that was good once and is not gone. */
export interface Accepted {
  readonly key: string
  readonly ref: ObjectRef
  readonly uid: string
  /** Counts changes of content from 1; labels, annotations and comments are none. */
  readonly generation: number
  /** The last good version. */
  readonly object: AnyObject
  readonly origin: Origin
  /** Set when the object is cleanly gone: its tombstone, on the disk before it is told here. Milliseconds since the epoch. */
  readonly deletion: { readonly at: number } | null
  /** What is wrong with a newer version of it that is not accepted. */
  readonly newer: readonly SourceProblem[]
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  /** What a cluster's manager gave out; absent on a host that decides by itself. */
  readonly assigned?: Assigned
  /** This host booted, and its cluster did not say since that the VM is still bound here: it may run elsewhere by now. */
  readonly unconfirmed?: true
}

/** What the one allocator of a cluster gave to a VM. */
export interface Assigned {
  /** By name of the interface. */
  readonly addresses: Readonly<Record<string, string>>
  /** The rollout that restarts of it wait for, and the change that it may be restarted for; null: it waits for nobody. */
  readonly turn: Turn | null
}

/** A manifest, by its path as the user knows it and a line from 1; the controller itself; or a cluster, by its address. */
export type Origin =
  | { readonly file: string; readonly line: number }
  | { readonly machine: true }
  | { readonly cluster: string }

export interface SourceProblem {
  /** A file or a directory, as the user knows it. */
  readonly file: string
  /** From 1; line and column are 0 when the file or directory as a whole is meant. */
  readonly line: number
  readonly column: number
  /** One sentence, without a full stop. */
  readonly message: string
  /** The object it is about, as far as that can be told. */
  readonly key: string | null
}
