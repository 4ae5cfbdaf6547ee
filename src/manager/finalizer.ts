import { isTrue } from '../api/conditions.ts'
import type { Meta } from './cluster.ts'
import { finalizers } from './decision.ts'
import { type Draft, stateKey, versionOf, writeId } from './draft.ts'
import { standingOf } from './fence.ts'

/**
 * Adds finalizers before anything may be on a host, and removes them once nothing is. No failure of anything else delays a
 * removal.
 */
export function keepFinalizers(draft: Draft): void {
  const { cluster } = draft
  for (const plan of draft.plans) {
    const clean = whyClean(draft, plan.machine, plan.bound?.node ?? null)
    plan.touched = keep(draft, plan.machine, finalizers.host, true, clean)
    plan.waits = plan.touched
  }
  const held = new Set(draft.plans.flatMap(({ machine }) => machine.states.map((name) => stateKey(machine, name))))
  for (const state of cluster.states) {
    const node = draft.stateNodes.get(state.key) ?? null
    keep(draft, state, finalizers.host, node !== null || held.has(state.key), whyClean(draft, state, node))
  }
  const networks = new Set(cluster.machines.flatMap(({ interfaces }) => interfaces.map(({ network }) => network)))
  const images = new Set(cluster.machines.map(({ image }) => image))
  for (const [list, used] of [
    [cluster.networks, networks],
    [cluster.images, images],
  ] as const) {
    for (const each of list) {
      const isUsed = used.has(each.ref.name)
      keep(draft, each, finalizers.inUse, isUsed, isUsed ? null : 'no MicroVM refers to it')
    }
  }
}

/** Why nothing of it can be on a host; null when something can. */
function whyClean(draft: Draft, object: Meta, node: string | null): string | null {
  if (isTrue(object.conditions, 'HostClean')) return 'its host has nothing of it any more'
  if (node === null) return draft.hold.length === 0 ? 'it is bound to no host, and no host has it' : null
  return standingOf(draft, node) === 'fenced' ? `${node} is fenced` : null
}

/** True when something is written. */
function keep(draft: Draft, object: Meta, name: string, needed: boolean, clean: string | null): boolean {
  const has = object.finalizers.includes(name)
  if (object.deleting ? !has || clean === null : has || !needed) return false
  draft.writes.push({
    ...{ id: writeId('finalizers', object.ref), ref: object.ref, on: versionOf(object), after: [], event: null },
    do: 'finalizers',
    finalizers: has ? object.finalizers.filter((each) => each !== name) : [...object.finalizers, name],
    because: object.deleting ? `it is deleted, and ${clean}` : 'it has to outlive what hosts make of it',
  })
  return true
}
