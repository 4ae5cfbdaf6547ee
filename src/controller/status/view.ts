import type { Plan, Refusal, Wait } from '../../action.ts'
import type { HostState, Link, Observed, ObservedVolume } from '../../host-state.ts'
import type { Ledger } from '../../ledger.ts'
import type { ResolvedMachine } from '../../resolve/machine.ts'
import type { Network } from '../../resolve/network.ts'
import type { OperationResult } from '../../resolve/operation.ts'
import type { Failure } from '../backoff.ts'
import type { Facts } from '../facts.ts'

/** Everything one pass found, from which every status follows. */
export interface PassView {
  readonly state: HostState
  readonly observed: Observed
  readonly ledger: Ledger
  readonly plan: Plan
  readonly refusals: readonly Refusal[]
  readonly operations: readonly OperationResult[]
  readonly machines: readonly ResolvedMachine[]
  readonly networks: readonly Network[]
  readonly facts: Facts
  /** Failed actions by id. */
  readonly failures: ReadonlyMap<string, Failure>
  readonly nodeName: string
  readonly hypervisorVersion: string | null
  readonly now: number
  /** The same in RFC 3339. */
  readonly time: string
}

/** The parts of a pass that are asked for by name, once for every object. */
export interface Lookups {
  readonly links: ReadonlyMap<string, Link>
  readonly volumes: ReadonlyMap<string, ObservedVolume>
}

export function lookupsOf({ observed }: PassView): Lookups {
  return {
    links: new Map(observed.links.map((link) => [link.name, link])),
    volumes: new Map(observed.volumes.map((volume) => [volume.name, volume])),
  }
}

/** What concerns one object, by its key. */
export interface Concern {
  readonly actions: readonly Plan['actions'][number][]
  readonly refusals: readonly Refusal[]
  readonly waits: readonly Wait[]
  readonly failures: readonly Failure[]
}

/** The parts of a pass by owner, each pass looked through once. */
export function concernsOf(view: PassView): (key: string) => Concern {
  const actions = groupBy(view.plan.actions, (action) => keyOf(action.owner))
  const refusals = groupBy([...view.refusals, ...view.plan.refusals], (refusal) => keyOf(refusal.owner))
  const waits = groupBy(view.plan.waits, (wait) => keyOf(wait.owner))
  const failures = groupBy([...view.failures.values()], (failure) => failure.owner)
  return (key) => ({
    actions: actions.get(key) ?? [],
    refusals: refusals.get(key) ?? [],
    waits: waits.get(key) ?? [],
    failures: failures.get(key) ?? [],
  })
}

function keyOf({ kind, namespace, name }: Refusal['owner']): string {
  return `${kind}/${namespace}/${name}`
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group) group.push(item)
    else groups.set(keyOf(item), [item])
  }
  return groups
}
