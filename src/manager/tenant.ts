import { countIn, memberOf } from '../api/loose.ts'
import { formatQuantity } from '../api/quantity.ts'
import { canonical } from '../digest.ts'
import { tenantRefusals } from '../resolve/tenant.ts'
import type { Amounts, Machine, Tenant } from './cluster.ts'
import { type Draft, versionOf, writeId } from './draft.ts'
import { sayAmount } from './say.ts'
import { usedBy } from './use.ts'

/** Why the tenant of a machine does not let it be bound, one sentence each. */
export function refusedByTenant(draft: Draft, machine: Machine): string[] {
  const { namespace } = machine.ref
  const tenant = draft.tenants.get(namespace)
  return tenantRefusals(namespace, machine.wish, tenant === undefined || tenant.deleting ? null : tenant.allowed)
}

/** Why the quota of a namespace does not hold one more VM, one sentence each. */
export function overQuota(draft: Draft, tenant: Tenant, need: Amounts, microVMs: number): string[] {
  const { name } = tenant.ref
  const used = usedBy(draft, name)
  const found: string[] = []
  if (used.microVMs + microVMs > tenant.quota.microVMs) {
    found.push(`the quota of MicroVMTenant ${name} is ${tenant.quota.microVMs} VMs, and ${used.microVMs} are bound`)
  }
  for (const what of ['vcpu', 'memory', 'disk'] as const) {
    // What needs nothing takes nothing from a quota that was lowered below what is used.
    if (need[what] === 0 || used[what] + need[what] <= tenant.quota[what]) continue
    const left = sayAmount(what, tenant.quota[what] - used[what])
    found.push(`it needs ${sayAmount(what, need[what])}, and the quota of MicroVMTenant ${name} has ${left} left`)
  }
  return found
}

/** Says in each MicroVMTenant what it uses. */
export function reportUse(draft: Draft): void {
  for (const tenant of draft.cluster.tenants) {
    const { microVMs, vcpu, memory, disk } = usedBy(draft, tenant.ref.name)
    const used = { microVMs, vcpu, memory: formatQuantity(memory), disk: formatQuantity(disk) }
    const { status } = tenant
    if (
      canonical(memberOf(status, 'used') ?? null) === canonical(used) &&
      countIn(status, 'observedGeneration') === tenant.generation
    )
      continue
    draft.writes.push({
      ...{ id: writeId('status', tenant.ref), ref: tenant.ref, on: versionOf(tenant), after: [], event: null },
      do: 'status',
      status: { observedGeneration: tenant.generation, used },
      because: 'what its namespace uses changed',
    })
  }
}
