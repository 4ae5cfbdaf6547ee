import type { Machine } from './cluster.ts'
import { finalizers } from './decision.ts'
import { type Draft, type MachinePlan, stateKey } from './draft.ts'
import { sayRef } from './say.ts'

/** Whether everything that a machine refers to is there. */
export interface Needs {
  /** One sentence each, without a full stop; empty when nothing is wrong. */
  readonly faults: readonly string[]
  /** Something is being written that has to be there before. */
  readonly waits: boolean
  /** Where one of its states is. */
  readonly at: { readonly node: string; readonly state: string } | null
}

/** Looks at networks, image, shares and states of a machine. */
export function needsOf(draft: Draft, plan: MachinePlan): Needs {
  const { machine } = plan
  const faults: string[] = []
  let waits = false
  for (const network of new Set(machine.interfaces.map((each) => each.network))) {
    const found = draft.networks.get(network)
    if (found === undefined) faults.push(`there is no MicroVMNetwork ${network}`)
    else if (found.deleting) faults.push(`MicroVMNetwork ${network} is being deleted`)
    else if (!found.finalizers.includes(finalizers.inUse)) waits = true
  }
  const image = draft.images.get(machine.image)
  if (image === undefined) faults.push(`there is no MicroVMImage ${machine.image}`)
  else if (image.deleting) faults.push(`MicroVMImage ${machine.image} is being deleted`)
  else if (image.unsealed.length > 0) {
    faults.push(`MicroVMImage ${machine.image} names no sha256 of its ${image.unsealed.join(', ')}, as a cluster needs`)
  } else if (!image.finalizers.includes(finalizers.inUse)) waits = true
  for (const share of machine.wish.shares) {
    if (!draft.cluster.shares.some(({ ref }) => ref.name === share)) faults.push(`there is no MicroVMShare ${share}`)
  }
  const states = statesOf(draft, machine)
  return { faults: [...faults, ...states.faults], waits: waits || states.waits, at: states.at }
}

function statesOf(draft: Draft, machine: Machine): Needs {
  const faults: string[] = []
  let waits = false
  let at: Needs['at'] = null
  for (const name of machine.states) {
    const found = stateOf(draft, machine, name)
    if ('fault' in found) faults.push(found.fault)
    else if ('waits' in found) waits = true
    else if (found.node !== null) {
      if (at !== null && at.node !== found.node) {
        faults.push(`its states ${at.state} on ${at.node} and ${name} on ${found.node} are not on one host`)
      }
      at ??= { node: found.node, state: name }
    }
  }
  return { faults, waits, at }
}

type Found = { readonly fault: string } | { readonly waits: true } | { readonly node: string | null }

/** Whether a machine can have a state, and on which host. */
export function stateOf(draft: Draft, machine: Machine, name: string): Found {
  const key = stateKey(machine, name)
  const state = draft.states.get(key)
  if (state === undefined) {
    const isMade = machine.templates.some((template) => template.state === name)
    return isMade ? { waits: true } : { fault: `there is no MicroVMState ${name}: create it, or add a stateTemplate` }
  }
  if (state.deleting) return { fault: `MicroVMState ${name} is being deleted` }
  const holder = draft.plans.find(
    (other) => other.bound !== null && other.machine !== machine && holds(other.machine, machine, name),
  )
  if (holder !== undefined) return { fault: `${sayRef(holder.machine.ref)} holds MicroVMState ${name}` }
  const node = draft.stateNodes.get(key)
  if (node !== undefined) return state.finalizers.includes(finalizers.host) ? { node } : { waits: true }
  const volumes = draft.cluster.volumes
  if (state.adopts !== null) {
    const volume = volumes.find(({ ref }) => ref.name === state.adopts)
    if (volume?.node) return state.finalizers.includes(finalizers.host) ? { node: volume.node } : { waits: true }
    return { fault: `MicroVMState ${name} is to adopt MicroVMVolume ${state.adopts}, which is on no host` }
  }
  // A blank disk beside the bytes of an earlier state of that name would look like their loss.
  const left = volumes.find(
    (volume) => volume.state.namespace === machine.ref.namespace && volume.state.name === name && volume.node !== null,
  )
  if (left !== undefined) {
    return {
      fault: `MicroVMVolume ${left.ref.name} on ${left.node} has data of an earlier MicroVMState ${name}: name it in spec.source.volume of the state, or delete it`,
    }
  }
  return state.finalizers.includes(finalizers.host) ? { node: null } : { waits: true }
}

function holds(other: Machine, machine: Machine, state: string): boolean {
  return other.ref.namespace === machine.ref.namespace && other.states.includes(state)
}
