import type { ObjectRef } from '../api/meta.ts'

/** What is to be written, as values: decided here, carried out by `write.ts`. */
export interface Decision {
  /** In this order; nothing is written twice. */
  readonly writes: readonly Write[]
  /** Milliseconds since the epoch when it is worth deciding again although nothing moves; null when it is not. */
  readonly recheckAt: number | null
  /** What is wrong and stays as it is, for the log. */
  readonly told: readonly Told[]
}

/** What of an object is left alone, and why. */
export interface Told {
  readonly ref: ObjectRef
  /** One sentence, without a full stop. */
  readonly message: string
}

interface Common {
  /** Unique within a decision. */
  readonly id: string
  readonly ref: ObjectRef
  /**
   * The version of the object that was decided on. One that is another by now is left alone, and everything is looked at
   * again. null: it was not there.
   */
  readonly on: { readonly uid: string; readonly resourceVersion: string } | null
  /** One sentence, without a full stop. */
  readonly because: string
  /** Writes that must have succeeded before, by id; one that is not among them waits for a later decision. */
  readonly after: readonly string[]
  /** What people are told once it is written. */
  readonly event: News | null
}

/** One write. */
export type Write = Common &
  (
    | {
        /** Applies everything in the status of the object that is the manager's; what is left out, goes. */
        readonly do: 'status'
        readonly status: Readonly<Record<string, unknown>>
      }
    | { readonly do: 'finalizers'; readonly finalizers: readonly string[] }
    /** Applies an object of ours, with these members beside metadata. */
    | { readonly do: 'apply'; readonly members: Readonly<Record<string, unknown>> }
    | { readonly do: 'create'; readonly spec: unknown }
    | { readonly do: 'remove' }
  )

/** A transition that people are told of. */
export interface News {
  readonly type: 'Normal' | 'Warning'
  /** A word in CamelCase. */
  readonly reason: 'Bound' | 'Rebound' | 'Restored' | 'Unschedulable' | 'RestartGranted' | 'HostSilent'
  readonly note: string
}

/** Finalizers of Moorage. */
export const finalizers = {
  /** Something of it may be on a host. */
  host: 'moorage.dev/host',
  /** VMs refer to it. */
  inUse: 'moorage.dev/in-use',
} as const
