import type { StartReason } from './action.ts'
import type { CredentialRevision, DigestGroup, ObjectRef, RunStrategy } from './host-state.ts'

/**
 * What no host can say; see law 3. Small, versioned, written before the effect it speaks of. It never says that
 * something runs. Lost, it is rebuilt from interface aliases, sockets and `volume.json`, and nothing restarts for it.
 */
export interface Ledger {
  readonly version: 1
  readonly root: RootIdentity
  /** Value of net.ipv4.ip_forward before we first changed it; null when we never did. */
  readonly forwardingPrior: boolean | null
  /** By uid of the MicroVM. */
  readonly machines: Readonly<Record<string, MachineRecord>>
}

/** Tells two controllers on one host apart. */
export interface RootIdentity {
  /** 8 hex digits: in every ifalias and table name. */
  readonly id: string
  /** Link group of every link of ours; 1 ≤ group < 2^31. */
  readonly group: number
}

export interface MachineRecord {
  readonly ref: ObjectRef
  /** Unix uid of its VMM. */
  readonly user: number
  /** Addresses by interface name, given from the subnet when the spec names none. */
  readonly addresses: Readonly<Record<string, string>>
  /** What an operation or an end left behind; counts only while the run strategy is still `strategy`. */
  readonly power: { readonly wish: 'on' | 'off'; readonly strategy: RunStrategy }
  /** uid of the last Restart operation that was taken on; part of the `restart` digest. */
  readonly restartRequest: string | null
  /** uids of operations that were taken on, the newest last. */
  readonly operations: readonly string[]
  /** Grace of the stop that the last operation asked for; null: the one it was started with. */
  readonly graceSeconds: number | null
  readonly started: StartedRecord | null
  readonly crashes: { readonly count: number; readonly retryAt: number }
  readonly restarts: {
    readonly count: number
    readonly last: { readonly reason: StartReason; readonly at: number } | null
  }
}

/** What was applied when this incarnation was started; written before its VMM is spawned. */
export interface StartedRecord {
  /** 8 hex digits, new for each start. */
  readonly incarnation: string
  readonly at: number
  readonly bootId: string
  /** Version of the digests' meaning: a newer Moorage that digests otherwise restarts nobody. */
  readonly schema: number
  readonly digests: Readonly<Record<DigestGroup, string>>
  readonly credentials: CredentialRevision | null
  readonly powerOff: PowerOff
  readonly accel: string
  /** Of the machine's record as it was then: what a ledger that was lost is rebuilt from. */
  readonly carried: CarriedRecord
  /** Its start failed and whatever it made was cleared: no guest of it is there to end, and a reboot ends none. */
  readonly undone?: true | undefined
  /** How it ended; null while nobody has seen it end. */
  readonly ended: { readonly how: string; readonly at: number } | null
}

/** What no look at a running machine tells, and what would restart or stop it if it were forgotten. */
export type CarriedRecord = Pick<MachineRecord, 'addresses' | 'power' | 'restartRequest' | 'operations' | 'restarts'>

export function carriedOf({ addresses, power, restartRequest, operations, restarts }: MachineRecord): CarriedRecord {
  return { addresses, power, restartRequest, operations, restarts }
}

/** Stop by what was started: how this incarnation is asked to go. */
export interface PowerOff {
  readonly method: 'qmp-powerdown' | 'qmp-quit'
  readonly graceSeconds: number
}

/** Meaning of {@link StartedRecord.digests}. 2: the size of an ephemeral disk is in them. */
export const digestSchema = 2

/** A record of a machine nobody has started yet. */
export function newRecord(ref: ObjectRef, user: number, strategy: RunStrategy, wish: 'on' | 'off'): MachineRecord {
  return {
    ref,
    user,
    addresses: {},
    power: { wish, strategy },
    restartRequest: null,
    operations: [],
    graceSeconds: null,
    started: null,
    crashes: { count: 0, retryAt: 0 },
    restarts: { count: 0, last: null },
  }
}
