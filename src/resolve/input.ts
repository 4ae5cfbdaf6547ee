import type { AnyObject, KindName, ObjectOf } from '../api/kinds.ts'
import type { CredentialRevision, ObjectRef, Turn } from '../host-state.ts'
import type { HostFeatures } from '../hypervisor/driver.ts'
import type { Ledger } from '../ledger.ts'

/** One object that is wanted, with its identity. */
export interface Wanted<T extends AnyObject = AnyObject> {
  readonly key: string
  readonly ref: ObjectRef
  readonly uid: string
  readonly generation: number
  /** Milliseconds since the epoch; the older of two that want the same has it. */
  readonly createdAt: number
  readonly object: T
  /** Cleanly gone: what it made is to be undone. */
  readonly deletion: { readonly at: number } | null
  /** What a cluster's manager gave to a VM: addresses by name of the interface. */
  readonly assigned?: { readonly addresses: Readonly<Record<string, string>>; readonly turn: Turn | null }
  /** It may run on another host of the cluster by now: it is not started. */
  readonly unconfirmed?: true
}

/** A file of an image: its content, or why it cannot be had. */
export type FileFact = { readonly path: string; readonly sha256: string } | { readonly problem: string }

export interface ImageFacts {
  readonly kernel: FileFact
  readonly initrd: FileFact | null
  readonly root: FileFact | null
}

/** What the credentials of a VM come to, without a value. */
export interface CredentialFacts {
  readonly items: readonly { readonly name: string; readonly length: number }[]
  /** null when there are none, or when one of them cannot be had. */
  readonly revision: CredentialRevision | null
  /** Keys of the Secrets and files they come from. */
  readonly secrets: readonly string[]
  /** Why they cannot be had, in a sentence; null when they can. */
  readonly problem: string | null
}

export interface Settings {
  /** Name of this host, as `placement.nodeName` means it. */
  readonly nodeName: string
  /** What `--root` says; empty for `/`. */
  readonly root: string
  /** Folder of the volumes, absolute. */
  readonly volumes: string
  /** Unix uids for VMMs. */
  readonly users: { readonly first: number; readonly count: number }
  /** Grace of a stop when the spec says nothing, seconds. */
  readonly graceSeconds: number
  /** A cluster's manager binds VMs to hosts and gives out addresses; otherwise this host decides alone. */
  readonly cluster: boolean
}

export interface ResolveInput {
  readonly objects: readonly Wanted[]
  readonly ledger: Ledger
  /** By name of the MicroVMImage. */
  readonly images: ReadonlyMap<string, ImageFacts>
  /** By uid of the MicroVM. */
  readonly credentials: ReadonlyMap<string, CredentialFacts>
  readonly features: HostFeatures
  readonly settings: Settings
  readonly now: number
}

/** The objects of one kind, oldest first; names decide among equals. */
export function ofKind<K extends KindName>(objects: readonly Wanted[], kind: K): readonly Wanted<ObjectOf<K>>[] {
  return objects
    .filter((wanted): wanted is Wanted<ObjectOf<K>> => wanted.object.kind === kind)
    .toSorted((a, b) => a.createdAt - b.createdAt || (a.key < b.key ? -1 : 1))
}
