import { type Draft, stateKey, versionOf, writeId } from './draft.ts'

/** States that templates ask for, operations whose time is over, and which host an operation is for. */
export function doChores(draft: Draft): void {
  createStates(draft)
  for (const operation of draft.cluster.operations) {
    if (operation.deleting) continue
    const common = { ref: operation.ref, on: versionOf(operation), after: [], event: null }
    if (draft.now > operation.createdAt + operation.ttl) {
      const because = 'its time is over'
      draft.writes.push({ ...common, id: writeId('remove', operation.ref), do: 'remove', because })
      continue
    }
    const plan = draft.plans.find(
      ({ machine }) => machine.ref.namespace === operation.ref.namespace && machine.ref.name === operation.machine,
    )
    const isMeant = operation.machineUid === null || operation.machineUid === plan?.machine.uid
    const node = isMeant ? plan?.bound?.node : undefined
    if (node === undefined || operation.finished || operation.node === node) continue
    draft.writes.push({
      ...{ ...common, id: writeId('status', operation.ref), do: 'status', status: { nodeName: node } },
      because: `its VM is bound to ${node}`,
    })
  }
}

/** When the next operation lapses, milliseconds since the epoch; null when none does. */
export function nextLapse({ cluster, now }: Draft): number | null {
  const times = cluster.operations
    .filter(({ deleting }) => !deleting)
    .map(({ createdAt, ttl }) => createdAt + ttl + 1)
    .filter((time) => time > now)
  return times.length === 0 ? null : Math.min(...times)
}

/** A template creates an absent state, and only that. Where nothing may be bound, nothing is created. */
function createStates(draft: Draft): void {
  const made = new Set<string>()
  for (const { machine } of draft.plans) {
    if (machine.deleting || !draft.tenants.has(machine.ref.namespace)) continue
    for (const { state, spec } of machine.templates) {
      const key = stateKey(machine, state)
      if (draft.states.has(key) || made.has(key)) continue
      made.add(key)
      const ref = { kind: 'MicroVMState', namespace: machine.ref.namespace, name: state }
      draft.writes.push({
        ...{ id: writeId('create', ref), ref, on: null, after: [], event: null },
        do: 'create',
        spec,
        because: `MicroVM ${machine.ref.namespace}/${machine.ref.name} has a template for it`,
      })
    }
  }
}
