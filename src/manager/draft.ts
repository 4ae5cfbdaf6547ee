import type { ObjectKey, ObjectRef } from '../api/meta.ts'
import type { Amounts, Binding, Cluster, Host, Image, Machine, Meta, Network, State, Tenant } from './cluster.ts'
import type { News, Told, Write } from './decision.ts'

/** A decision while it is made: what the cluster will be once everything decided so far is written. */
export interface Draft {
  readonly cluster: Cluster
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly hosts: ReadonlyMap<string, Host>
  readonly networks: ReadonlyMap<string, Network>
  readonly images: ReadonlyMap<string, Image>
  /** By namespace. */
  readonly tenants: ReadonlyMap<string, Tenant>
  /** By key. */
  readonly states: ReadonlyMap<string, State>
  /** By age of their machines. */
  readonly plans: readonly MachinePlan[]
  /** Where each state is, by key. */
  readonly stateNodes: Map<string, string>
  /** What is bound to each host. */
  readonly hostUse: Map<string, Amounts>
  /** What each namespace has bound. */
  readonly tenantUse: Map<string, TenantUse>
  /** By network and address: the key of the machine that has it. */
  readonly taken: Map<string, Map<number, ObjectKey>>
  /** Why nothing may be bound anew yet; empty when it may. */
  hold: readonly string[]
  /** Moments at which it is worth looking again although nothing moves. */
  readonly rechecks: number[]
  readonly writes: Write[]
  readonly told: Told[]
}

export interface TenantUse extends Amounts {
  readonly microVMs: number
}

/** What a machine is to be given. */
export interface MachinePlan {
  readonly machine: Machine
  bound: Binding | null
  addresses: ReadonlyMap<string, string>
  /** What the manager says in Ready; null: what stands there stays. */
  ready: { readonly status: 'False' | 'Unknown'; readonly reason: ReadyReason; readonly message: string } | null
  rollout: string | null
  granted: string | null
  /** It has to wait for something that is written now. */
  waits: boolean
  /** Its metadata is written now, so that its status has to wait: the version would be another one. */
  touched: boolean
  after: string[]
  because: string[]
  event: News | null
}

/** Reasons of Ready that are the manager's: one of these is never an agent's word. */
export type ReadyReason = (typeof readyReasons)[number]
export const readyReasons = ['Unschedulable', 'WaitingForHost', 'HostSilent'] as const

export function newDraft(cluster: Cluster, now: number): Draft {
  const byName = <T extends Meta>(list: readonly T[]) => new Map(list.map((each) => [each.ref.name, each]))
  return {
    cluster,
    now,
    hosts: byName(cluster.hosts),
    networks: byName(cluster.networks),
    images: byName(cluster.images),
    tenants: byName(cluster.tenants),
    states: new Map(cluster.states.map((state) => [state.key, state])),
    plans: cluster.machines.map(newPlan),
    stateNodes: new Map(),
    hostUse: new Map(),
    tenantUse: new Map(),
    taken: new Map(),
    hold: [],
    rechecks: [],
    writes: [],
    told: [...cluster.told],
  }
}

function newPlan(machine: Machine): MachinePlan {
  const { bound, addresses, rollout, restart } = machine
  return {
    ...{ machine, bound, addresses, ready: null, rollout, granted: restart.granted },
    ...{ waits: false, touched: false, after: [], because: [], event: null },
  }
}

/** The version of an object that a write is decided on. */
export function versionOf({ uid, resourceVersion }: Meta): { readonly uid: string; readonly resourceVersion: string } {
  return { uid, resourceVersion }
}

/** The name of a write. */
export function writeId(what: Write['do'], { kind, namespace, name }: ObjectRef): string {
  return `${what} ${kind}/${namespace}/${name}`
}

/** The key of a state that a machine names. */
export function stateKey(machine: Machine, state: string): ObjectKey {
  return `MicroVMState/${machine.ref.namespace}/${state}`
}

/** An entry of a map, made when it is not there. */
export function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key)
  if (found !== undefined) return found
  const made = make()
  map.set(key, made)
  return made
}
