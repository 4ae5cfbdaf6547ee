import { chooseAddresses, give, reportOf, wishedAddresses } from './address.ts'
import type { Amounts, Host } from './cluster.ts'
import { type Draft, type MachinePlan, stateKey, versionOf, writeId } from './draft.ts'
import { standingOf } from './fence.ts'
import { needsOf, stateOf } from './needs.ts'
import { loadWith, refusedByHost, waitsForImage } from './room.ts'
import { overQuota, refusedByTenant } from './tenant.ts'
import { leave, needOf, use, useState } from './use.ts'

/** Hosts of which a message says why they do not fit; the others are counted. */
const namedHosts = 64

/** Binds what is bound nowhere, and what is bound to a fenced host and may move; says why what stays, stays. */
export function bindMachines(draft: Draft): void {
  const wished = wishedAddresses(draft)
  for (const plan of draft.plans) if (plan.bound !== null) readdress(draft, plan, wished)
  for (const plan of draft.plans) {
    const { machine, bound } = plan
    if (machine.deleting || plan.waits) continue
    if (bound === null) bindOne(draft, plan, wished)
    else if (standingOf(draft, bound.node) === 'fenced') rebind(draft, plan, bound.node, wished)
    else bindStates(draft, plan)
  }
}

/** The spec of a bound machine may have got another interface, or another address. */
function readdress(draft: Draft, plan: MachinePlan, wished: ReadonlyMap<string, ReadonlySet<number>>): void {
  const { machine } = plan
  if (machine.deleting || machine.fault !== null) return
  // Its host may have started it with what it was given: until that is known, nobody else may have that.
  if (plan.addresses.size > 0 && reportOf(draft, machine, plan.bound) === undefined) return
  // What its tenant does not allow is given nothing more; what it has, it keeps.
  const refusals = refusedByTenant(draft, machine)
  if (refusals.length > 0) {
    draft.told.push(...refusals.map((message) => ({ ref: machine.ref, message })))
    return
  }
  const { addresses, faults } = chooseAddresses(draft, plan, wished)
  draft.told.push(...faults.map((message) => ({ ref: machine.ref, message })))
  give(draft, plan, addresses)
}

function bindOne(draft: Draft, plan: MachinePlan, wished: ReadonlyMap<string, ReadonlySet<number>>): void {
  const found = place(draft, plan, wished, 1)
  if (found === 'waits') return
  if (Array.isArray(found)) {
    refuse(plan, found)
    return
  }
  bindTo(draft, plan, found)
  plan.because.push(`${found.host.ref.name} fits it and is the least loaded`)
  plan.event = { type: 'Normal', reason: 'Bound', note: `Bound to ${found.host.ref.name}` }
}

/** A state never moves by itself, and so neither does its VM. */
function rebind(draft: Draft, plan: MachinePlan, from: string, wished: ReadonlyMap<string, ReadonlySet<number>>): void {
  const { machine } = plan
  const state = machine.states.find((name) => draft.stateNodes.get(stateKey(machine, name)) === from)
  if (state !== undefined) {
    refuse(plan, [`${from} is fenced, and its state ${state} is there`])
    return
  }
  const found = place(draft, plan, wished, 0)
  if (found === 'waits') return
  if (Array.isArray(found)) {
    refuse(plan, [`${from} is fenced`, ...found])
    return
  }
  leave(draft, machine, from)
  bindTo(draft, plan, found)
  plan.because.push(`${from} is fenced, and ${found.host.ref.name} fits it`)
  plan.event = { type: 'Normal', reason: 'Rebound', note: `Bound to ${found.host.ref.name}, since ${from} is fenced` }
}

interface Place {
  readonly host: Host
  readonly addresses: ReadonlyMap<string, string>
}

/** The best host, or why there is none. `microVMs`: how many more that makes for its tenant. */
function place(
  draft: Draft,
  plan: MachinePlan,
  wished: ReadonlyMap<string, ReadonlySet<number>>,
  microVMs: 0 | 1,
): Place | 'waits' | string[] {
  const { machine } = plan
  if (machine.fault !== null) return [machine.fault]
  if (draft.hold.length > 0) return [`nothing is bound until every host is known: ${draft.hold.join(', ')}`]
  const needs = needsOf(draft, plan)
  const refusals = [...refusedByTenant(draft, machine), ...needs.faults]
  if (refusals.length > 0) return refusals
  if (needs.waits) return 'waits'
  const need = needOf(draft, machine)
  const tenant = draft.tenants.get(machine.ref.namespace)!
  const fresh = microVMs === 1 ? need : { vcpu: 0, memory: 0, disk: need.disk - machine.ephemeral }
  const { addresses, faults } = chooseAddresses(draft, { ...plan, bound: null }, wished)
  const over = [...overQuota(draft, tenant, fresh, microVMs), ...faults]
  if (over.length > 0) return over
  const host = bestHost(draft, plan, { need, at: needs.at })
  return typeof host === 'string' || Array.isArray(host) ? host : { host, addresses }
}

function bestHost(
  draft: Draft,
  { machine }: MachinePlan,
  wants: { readonly need: Amounts; readonly at: { readonly node: string; readonly state: string } | null },
): Host | 'waits' | string[] {
  const fits: { readonly host: Host; readonly load: number }[] = []
  const refusals: string[] = []
  for (const host of [...draft.cluster.hosts].sort(byName)) {
    const refusal = refusedByHost(draft, machine, host, wants)
    if (refusal === null) fits.push({ host, load: loadWith(draft, host, wants.need) })
    else refusals.push(`${host.ref.name}: ${refusal}`)
  }
  const best = fits.sort((a, b) => a.load - b.load || byName(a.host, b.host))[0]
  if (best !== undefined) {
    const until = draft.cluster.hosts.flatMap((host) => waitsForImage(draft, machine, host, wants) ?? [])
    draft.rechecks.push(...until)
    return until.length === 0 ? best.host : 'waits'
  }
  const missing = [machine.pin, wants.at?.node ?? null].find((name) => name !== null && !draft.hosts.has(name))
  if (missing !== undefined && missing !== null) return [`there is no MicroVMHost ${missing}, where it has to be`]
  if (refusals.length === 0) return ['there is no MicroVMHost']
  const more = refusals.length - namedHosts
  return [...refusals.slice(0, namedHosts), ...(more > 0 ? [`and ${more} hosts more do not fit`] : [])]
}

function bindTo(draft: Draft, plan: MachinePlan, { host, addresses }: Place): void {
  const { machine } = plan
  const node = host.ref.name
  plan.bound = { node, epoch: machine.epoch + 1 }
  use(draft, machine, node)
  give(draft, plan, addresses)
  plan.ready = {
    status: 'False',
    reason: 'WaitingForHost',
    message: `it is bound to ${node}, which has not taken it yet`,
  }
  for (const name of machine.states) {
    const key = stateKey(machine, name)
    if (!draft.stateNodes.has(key)) bindState(draft, key, node)
  }
}

function refuse(plan: MachinePlan, refusals: readonly string[]): void {
  const message = refusals.join('; ').slice(0, 32_000)
  plan.ready = { status: 'False', reason: 'Unschedulable', message }
  plan.because.push('no host can be chosen')
}

/** States that a bound machine came to name later, and those of one whose status was lost. */
function bindStates(draft: Draft, plan: MachinePlan): void {
  const { machine, bound } = plan
  if (bound === null) return
  for (const name of machine.states) {
    const key = stateKey(machine, name)
    if (draft.stateNodes.has(key)) continue
    const refusal = noState(draft, plan, name, bound.node)
    if (refusal === null) bindState(draft, key, bound.node)
    else if (refusal !== 'waits') draft.told.push({ ref: machine.ref, message: refusal })
  }
}

/** Why a state cannot be bound to where its machine is. */
function noState(draft: Draft, { machine }: MachinePlan, name: string, node: string): string | null {
  const found = stateOf(draft, machine, name)
  if ('fault' in found) return found.fault
  if ('waits' in found) return 'waits'
  if (found.node !== null && found.node !== node)
    return `MicroVMState ${name} is on ${found.node}, and it is on ${node}`
  const tenant = draft.tenants.get(machine.ref.namespace)
  const size = draft.states.get(stateKey(machine, name))?.size ?? 0
  const need = { vcpu: 0, memory: 0, disk: size }
  const over = tenant === undefined ? ['its namespace has no MicroVMTenant'] : overQuota(draft, tenant, need, 0)
  if (over[0] !== undefined) return `MicroVMState ${name} is bound to no host: ${over[0]}`
  const offered = draft.hosts.get(node)?.offers.disk ?? 0
  const used = draft.hostUse.get(node)?.disk ?? 0
  return used + size > offered ? `MicroVMState ${name} is bound to no host: ${node} has no disk for it` : null
}

function bindState(draft: Draft, key: string, node: string): void {
  draft.stateNodes.set(key, node)
  useState(draft, key, node)
}

/** Writes where each state is, when its status does not say so. */
export function writeStates(draft: Draft): void {
  for (const [key, node] of draft.stateNodes) {
    const state = draft.states.get(key)
    if (state === undefined || state.node === node) continue
    draft.writes.push({
      ...{ id: writeId('status', state.ref), ref: state.ref, on: versionOf(state), after: [], event: null },
      do: 'status',
      status: { nodeName: node, bindingEpoch: state.epoch + 1 },
      because: `the VM that holds it, or its volume, is on ${node}`,
    })
  }
}

function byName(a: Host, b: Host): number {
  return a.ref.name < b.ref.name ? -1 : 1
}
