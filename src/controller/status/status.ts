import { type Condition, removeCondition, setCondition } from '../../api/conditions.ts'
import type { AnyObject } from '../../api/kinds.ts'
import type { MicroVM } from '../../api/microvm.ts'
import { formatQuantity } from '../../api/quantity.ts'
import { volumeOf } from '../../resolve/disk.ts'
import { problemText } from '../../source/problem-text.ts'
import type { Accepted } from '../../source/source.ts'
import { microVMStatusOf } from './microvm.ts'
import { type Concern, concernsOf, type Lookups, lookupsOf, type PassView } from './view.ts'

/** A status as it is stored and shown; Secrets have none. */
export type Status = Readonly<Record<string, unknown>>

/**
 * The status of every object after a pass, by key. Pure. One that did not change is the very same value as before, so
 * that nothing is written for it.
 */
export function statusesOf(
  view: PassView,
  objects: readonly Accepted[],
  before: ReadonlyMap<string, Status>,
): ReadonlyMap<string, Status> {
  const concern = concernsOf(view)
  const lookups = lookupsOf(view)
  const seen = new Map(view.observed.machines.map((machine) => [machine.uid, machine]))
  const made = new Map(view.machines.map((one) => [one.machine.uid, one]))
  const statuses = new Map<string, Status>()
  for (const accepted of objects) {
    const old = before.get(accepted.key)
    const next = isMicroVM(accepted)
      ? microVMStatusOf(
          {
            vm: accepted,
            made: made.get(accepted.uid),
            seen: seen.get(accepted.uid),
            record: view.ledger.machines[accepted.uid],
            concern: concern(accepted.key),
            view,
            lookups,
          },
          old,
        )
      : statusOf(accepted, accepted.object, concern(accepted.key), view, lookups, old)
    if (next) statuses.set(accepted.key, old && isSame(old, next) ? old : next)
  }
  return statuses
}

function isSame(old: Status, next: Status): boolean {
  const text = JSON.stringify(next)
  const before = texts.get(old) ?? JSON.stringify(old)
  // The one that stays is compared again in the next pass.
  texts.set(before === text ? old : next, text)
  return before === text
}

/** Statuses never change, so that the text of one is made once however often it is compared. */
const texts = new WeakMap<Status, string>()

function isMicroVM(accepted: Accepted): accepted is Accepted & { readonly object: MicroVM } {
  return accepted.object.kind === 'MicroVM'
}

function statusOf(
  accepted: Accepted,
  object: AnyObject,
  concern: Concern,
  view: PassView,
  lookups: Lookups,
  old: Status | undefined,
): Status | null {
  switch (object.kind) {
    case 'Secret':
    case 'MicroVM':
      return null
    case 'MicroVMOperation': {
      const result = view.operations.find((one) => one.key === accepted.key)
      const phase = result?.phase ?? 'Pending'
      return {
        phase,
        observedGeneration: accepted.generation,
        message: result?.message ?? '',
        ...(phase !== 'Pending' && { finishedAt: old?.finishedAt ?? new Date(view.now).toISOString() }),
      }
    }
    case 'MicroVMNetwork': {
      const network = view.networks.find((one) => one.name === accepted.ref.name)
      const extra = network ? { bridge: network.bridge, gateway: network.gateway } : {}
      const bridge = lookups.links.get(network?.bridge ?? '')
      const message = bridge ? 'its bridge is in place' : 'no VM of this host is on it'
      return { ...common(accepted, concern, view, old, null, message), ...extra }
    }
    case 'MicroVMImage': {
      const facts = view.facts.images.get(accepted.ref.name)
      const files = [facts?.kernel, facts?.initrd, facts?.root].flatMap((file) => file ?? [])
      const bad = files.find((file) => 'problem' in file)
      return common(accepted, concern, view, old, bad && 'problem' in bad ? bad.problem : null, 'its files are there')
    }
    case 'MicroVMState': {
      const volume = lookups.volumes.get(volumeOf({ ...accepted, object }, null).name)
      const holder = view.state.volumes.find((one) => one.ownerUid === accepted.uid)?.holder
      const vm = view.state.machines.find((one) => one.uid === holder)
      const extra = {
        phase: volume ? 'Bound' : 'Pending',
        ...(volume && {
          volume: { name: volume.name },
          capacity: formatQuantity(volume.size),
          nodeName: view.nodeName,
        }),
        ...(vm && { microVM: { name: vm.owner.name } }),
      }
      return {
        ...common(
          accepted,
          concern,
          view,
          old,
          null,
          volume ? 'its volume is there' : 'its volume is made when a VM needs it',
        ),
        ...extra,
      }
    }
    case 'MicroVMRollout':
    case 'MicroVMShare':
    case 'MicroVMTenant':
    case 'MicroVMHost':
      return common(accepted, concern, view, old, null, 'means something in a cluster; on this host alone, nothing')
    case 'MicroVMVolume':
      return { phase: 'Bound', observedGeneration: accepted.generation, nodeName: view.nodeName }
  }
}

/** Ready and Stalled for kinds that have no process of their own. */
function common(
  accepted: Accepted,
  concern: Concern,
  view: PassView,
  old: Status | undefined,
  problem: string | null,
  message: string,
): Status {
  const now = view.time
  const [newer] = accepted.newer
  const bad =
    (newer && { reason: 'InvalidSpec', message: problemText(newer) }) ??
    concern.refusals[0] ??
    (problem === null ? undefined : { reason: 'Unusable', message: problem })
  const failure = concern.failures[0]
  let conditions = (old?.conditions ?? []) as readonly Condition[]
  const observedGeneration = accepted.generation
  conditions = bad
    ? setCondition(
        conditions,
        { type: 'Stalled', status: 'True', reason: bad.reason, message: bad.message, observedGeneration },
        now,
      )
    : removeCondition(conditions, 'Stalled')
  const ready = bad
    ? { status: 'False' as const, reason: bad.reason, message: bad.message }
    : failure
      ? { status: 'False' as const, reason: 'Failing', message: failure.error }
      : { status: 'True' as const, reason: 'AsWanted', message }
  conditions = setCondition(conditions, { type: 'Ready', ...ready, observedGeneration }, now)
  return { observedGeneration, conditions }
}
