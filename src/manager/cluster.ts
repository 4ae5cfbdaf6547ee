import type { Condition } from '../api/conditions.ts'
import type { ObjectKey, ObjectRef } from '../api/meta.ts'
import type { TenantAllowance, TenantWish } from '../resolve/tenant.ts'
import type { Told } from './decision.ts'

/** A cluster as its API objects say, read loosely: what cannot be read is left out, and told. Lists are by age, then key. */
export interface Cluster {
  readonly machines: readonly Machine[]
  readonly states: readonly State[]
  readonly networks: readonly Network[]
  readonly images: readonly Image[]
  /** MicroVMShares. */
  readonly shares: readonly Shared[]
  readonly tenants: readonly Tenant[]
  readonly rollouts: readonly Rollout[]
  readonly operations: readonly Operation[]
  readonly volumes: readonly Volume[]
  readonly hosts: readonly Host[]
  /** By node: Leases without a MicroVMHost are among them. */
  readonly pulses: ReadonlyMap<string, Pulse>
  /** Roles and RoleBindings that carry the label of Moorage. */
  readonly grants: readonly Grant[]
  readonly told: readonly Told[]
}

/** What every object has. */
export interface Meta {
  readonly ref: ObjectRef
  readonly key: ObjectKey
  readonly uid: string
  readonly resourceVersion: string
  readonly generation: number
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly deleting: boolean
  readonly finalizers: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly conditions: readonly Condition[]
}

/** Whether the agent of a host lives, by its Lease; `left`: milliseconds until it counts as silent. */
export type Pulse =
  | { readonly is: 'live'; readonly left: number }
  /** Nobody heard it yet, and not long enough to call it silent. */
  | { readonly is: 'unheard'; readonly left: number }
  | { readonly is: 'silent' }

/** Processors, bytes of memory, bytes of disk. */
export interface Amounts {
  readonly vcpu: number
  readonly memory: number
  readonly disk: number
}

/** A MicroVM. */
export interface Machine extends Meta {
  /** Why its spec cannot be read; null when it can. */
  readonly fault: string | null
  readonly vcpu: number
  readonly memory: number
  /** Bytes of its ephemeral disks. */
  readonly ephemeral: number
  readonly hypervisor: string
  readonly accel: string
  readonly image: string
  /** The host that its user pins it to. */
  readonly pin: string | null
  readonly nodeSelector: Readonly<Record<string, string>>
  /** Whether it is ever to run. */
  readonly runs: boolean
  readonly interfaces: readonly { readonly name: string; readonly network: string; readonly address: string | null }[]
  /** Names of the states that it holds. */
  readonly states: readonly string[]
  /** States to create when they are absent. */
  readonly templates: readonly { readonly state: string; readonly spec: unknown }[]
  /** Names of Secrets. */
  readonly secrets: readonly string[]
  /** Host-global names and numbers that it chose: `TAP vm1`, `CID 7`. */
  readonly claims: readonly string[]
  readonly wish: TenantWish
  readonly bound: Binding | null
  /** The highest that its status has; 0 when it has none. */
  readonly epoch: number
  /** By interface. */
  readonly addresses: ReadonlyMap<string, string>
  readonly phase: string | null
  readonly observedGeneration: number | null
  readonly rollout: string | null
  readonly restart: { readonly wanted: string | null; readonly granted: string | null }
}

export interface Binding {
  readonly node: string
  readonly epoch: number
}

/** A MicroVMState. */
export interface State extends Meta {
  /** Bytes. */
  readonly size: number
  /** The Released volume that it is to adopt. */
  readonly adopts: string | null
  readonly node: string | null
  readonly epoch: number
}

/** A MicroVMNetwork. */
/** Something of the whole cluster, with what its status says. */
export interface Shared extends Meta {
  readonly status: unknown
}

export interface Network extends Shared {
  /** Numbers below 2^32: the network's own address, and its broadcast address. */
  readonly first: number
  readonly last: number
  readonly gateway: number
}

/** A MicroVMImage. */
export interface Image extends Shared {
  readonly architecture: string
  /** Files that name no sha256: `kernel`, `initrd`, `root`. */
  readonly unsealed: readonly string[]
}

/** Numbers below 2^32, both included. */
export interface AddressRange {
  readonly first: number
  readonly last: number
}

/** A MicroVMTenant. */
export interface Tenant extends Meta {
  readonly allowed: TenantAllowance
  /** By network; a network without an entry is free as a whole. */
  readonly ranges: ReadonlyMap<string, readonly AddressRange[]>
  readonly quota: {
    readonly microVMs: number
    readonly vcpu: number
    readonly memory: number
    readonly disk: number
  }
  /** What its status says. */
  readonly status: unknown
}

/** A MicroVMRollout. */
export interface Rollout extends Meta {
  readonly selector: Readonly<Record<string, string>>
  readonly maxUnavailable: number
  readonly status: unknown
}

/** A MicroVMOperation. */
export interface Operation extends Meta {
  readonly machine: string
  readonly machineUid: string | null
  /** Milliseconds. */
  readonly ttl: number
  readonly node: string | null
  readonly finished: boolean
}

/** A MicroVMVolume. */
export interface Volume extends Meta {
  readonly state: { readonly namespace: string; readonly name: string; readonly uid: string }
  readonly node: string | null
}

/** A MicroVMHost. */
export interface Host extends Meta {
  readonly taints: readonly { readonly key: string; readonly effect: string }[]
  /** What may be bound: allocatable, with what spec.overcommit adds. null: it does not say. */
  readonly offers: { readonly vcpu: number | null; readonly memory: number | null; readonly disk: number | null }
  readonly architecture: string | null
  /** How each hypervisor can run guests, by its name. */
  readonly hypervisors: ReadonlyMap<string, readonly string[]>
  readonly images: ReadonlyMap<string, { readonly usable: boolean; readonly message: string }>
  /** null: its agent has not reported yet. By uid. */
  readonly machines: ReadonlyMap<string, Reported> | null
}

/** What a host says of a VM that is on it. */
export interface Reported {
  readonly epoch: number
  readonly addresses: ReadonlyMap<string, string>
}

/** A Role or RoleBinding that Moorage made. */
export interface Grant extends Meta {
  /** What it says beside metadata. */
  readonly members: Readonly<Record<string, unknown>>
}

/** The Namespace in which each host has its identity and its Lease. */
export const hostsNamespace = 'moorage-hosts'

/** The label, and its value, of what the manager makes in the namespaces of others. */
export const madeBy = { key: 'app.kubernetes.io/managed-by', value: 'moorage' } as const
