import type { ObjectRef } from '../api/meta.ts'
import { canonical } from '../digest.ts'
import { type Grant, hostsNamespace } from './cluster.ts'
import { type Draft, entry, versionOf, writeId } from './draft.ts'

/**
 * In each namespace a Role for each host with VMs of it: the Secrets that those VMs name, and no others. It is there before
 * the VM is bound, so that no host asks in vain.
 */
export function grantSecrets(draft: Draft): void {
  const wanted = new Map<string, { namespace: string; node: string; secrets: Set<string> }>()
  for (const { machine, bound } of draft.plans) {
    if (bound === null || machine.secrets.length === 0) continue
    const { namespace } = machine.ref
    const { secrets } = entry(wanted, place(namespace, bound.node), () => {
      return { namespace, node: bound.node, secrets: new Set() }
    })
    for (const name of machine.secrets) secrets.add(name)
  }
  const there = new Map(draft.cluster.grants.map((grant) => [grant.key, grant]))
  const written = new Map<string, string[]>()
  for (const [key, { namespace, node, secrets }] of wanted) {
    const name = roleName(node)
    const role = ensure(draft, there, { kind: 'Role', namespace, name }, roleOf([...secrets].sort()))
    const binding = ensure(draft, there, { kind: 'RoleBinding', namespace, name }, bindingOf(node))
    written.set(key, [...role, ...binding])
  }
  for (const plan of draft.plans) {
    if (plan.bound === null || plan.machine.secrets.length === 0) continue
    plan.after.push(...(written.get(place(plan.machine.ref.namespace, plan.bound.node)) ?? []))
  }
  for (const grant of there.values()) {
    if (grant.deleting || !grant.ref.name.startsWith(roleName(''))) continue
    if (wanted.has(place(grant.ref.namespace, grant.ref.name.slice(roleName('').length)))) continue
    remove(draft, grant, 'no VM that is bound there names a Secret any more')
  }
}

/** The id of the write that it takes; one that is not decided yet when something else has to go before. */
function ensure(
  draft: Draft,
  there: ReadonlyMap<string, Grant>,
  ref: ObjectRef,
  members: Record<string, unknown>,
): readonly string[] {
  const before = there.get(`${ref.kind}/${ref.namespace}/${ref.name}`)
  const id = writeId('apply', ref)
  if (before?.deleting) return [id]
  if (before && canonical(before.members) === canonical(members)) return []
  // What a RoleBinding refers to can never be changed.
  if (before && canonical(before.members.roleRef ?? null) !== canonical(members.roleRef ?? null)) {
    remove(draft, before, 'it refers to another role')
    return [id]
  }
  draft.writes.push({
    ...{ id, ref, on: before ? versionOf(before) : null, after: [], event: null },
    do: 'apply',
    members,
    because: 'VMs that are bound there name these Secrets',
  })
  return [id]
}

function remove(draft: Draft, grant: Grant, because: string): void {
  const common = { ref: grant.ref, on: versionOf(grant), after: [], event: null }
  draft.writes.push({ ...common, id: writeId('remove', grant.ref), do: 'remove', because })
}

function place(namespace: string, node: string): string {
  return `${namespace}/${node}`
}

function roleName(node: string): string {
  return `moorage-host-${node}`
}

function roleOf(names: readonly string[]): Record<string, unknown> {
  return { rules: [{ apiGroups: [''], resources: ['secrets'], resourceNames: names, verbs: ['get', 'watch'] }] }
}

function bindingOf(node: string): Record<string, unknown> {
  return {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: roleName(node) },
    subjects: [{ kind: 'ServiceAccount', name: node, namespace: hostsNamespace }],
  }
}
