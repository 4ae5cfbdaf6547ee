import type { Amounts, Machine } from './cluster.ts'
import { type Draft, stateKey, type TenantUse } from './draft.ts'

const nothing: TenantUse = { microVMs: 0, vcpu: 0, memory: 0, disk: 0 }

/** Counts what is bound: VMs with their ephemeral disks, and states, whose size is theirs wherever their VM is. */
export function countUse(draft: Draft): void {
  for (const { machine, bound } of draft.plans) if (bound !== null) use(draft, machine, bound.node)
  for (const [key, node] of draft.stateNodes) useState(draft, key, node)
}

/** What is bound to a host. */
export function usedOn({ hostUse }: Draft, node: string): Amounts {
  return hostUse.get(node) ?? nothing
}

/** What a namespace has bound. */
export function usedBy({ tenantUse }: Draft, namespace: string): TenantUse {
  return tenantUse.get(namespace) ?? nothing
}

/** Enters a machine that is bound now. */
export function use(draft: Draft, machine: Machine, node: string): void {
  const amounts = { microVMs: 1, vcpu: machine.vcpu, memory: machine.memory, disk: machine.ephemeral }
  add(draft.hostUse, node, amounts)
  add(draft.tenantUse, machine.ref.namespace, amounts)
}

/** Takes back what `use` entered on a host that it leaves. */
export function leave(draft: Draft, machine: Machine, node: string): void {
  const amounts = { microVMs: -1, vcpu: -machine.vcpu, memory: -machine.memory, disk: -machine.ephemeral }
  add(draft.hostUse, node, amounts)
  add(draft.tenantUse, machine.ref.namespace, amounts)
}

/** Enters a state that is bound now. */
export function useState(draft: Draft, key: string, node: string): void {
  const state = draft.states.get(key)
  if (state === undefined) return
  const amounts = { microVMs: 0, vcpu: 0, memory: 0, disk: state.size }
  add(draft.hostUse, node, amounts)
  add(draft.tenantUse, state.ref.namespace, amounts)
}

/** What binding a machine takes: its states count where they are not bound to any host yet. */
export function needOf(draft: Draft, machine: Machine): Amounts {
  const fresh = machine.states
    .map((name) => stateKey(machine, name))
    .filter((key) => !draft.stateNodes.has(key))
    .reduce((sum, key) => sum + (draft.states.get(key)?.size ?? 0), 0)
  return { vcpu: machine.vcpu, memory: machine.memory, disk: machine.ephemeral + fresh }
}

function add(uses: Map<string, Amounts | TenantUse>, key: string, more: TenantUse): void {
  const before = { ...nothing, ...uses.get(key) }
  uses.set(key, {
    microVMs: before.microVMs + more.microVMs,
    vcpu: before.vcpu + more.vcpu,
    memory: before.memory + more.memory,
    disk: before.disk + more.disk,
  } as TenantUse)
}
