import { getCondition, isTrue } from '../api/conditions.ts'
import { countIn } from '../api/loose.ts'
import type { Machine, Rollout } from './cluster.ts'
import { type Draft, type MachinePlan, versionOf, writeId } from './draft.ts'
import { standingOf } from './fence.ts'

/**
 * Lets VMs restart, as many at a time as their MicroVMRollout allows to be away. One that was let go counts as away until it
 * is back, whatever its host says meanwhile.
 */
export function grantRestarts(draft: Draft): void {
  const rollouts = draft.cluster.rollouts.filter(({ deleting }) => !deleting)
  const members = new Map<Rollout, MachinePlan[]>(rollouts.map((rollout) => [rollout, []]))
  for (const plan of draft.plans) {
    const rollout = rollouts.find((each) => selects(each, plan.machine))
    plan.rollout = rollout?.ref.name ?? null
    if (rollout === undefined) plan.granted = null
    else members.get(rollout)?.push(plan)
  }
  for (const [rollout, plans] of members) spread(draft, rollout, plans)
}

function selects({ ref, selector }: Rollout, { ref: machine, labels }: Machine): boolean {
  if (ref.namespace !== machine.namespace) return false
  return Object.entries(selector).every(([key, value]) => labels[key] === value)
}

function spread(draft: Draft, rollout: Rollout, plans: readonly MachinePlan[]): void {
  const away = new Set(plans.filter((plan) => isAway(draft, plan)))
  let waiting = 0
  for (const plan of plans) {
    const { wanted, granted } = plan.machine.restart
    if (wanted === null) {
      // It is back, or does not want any more: the next wish needs another grant.
      if (!away.has(plan)) plan.granted = null
      continue
    }
    if (granted === wanted) continue
    // One that is away already takes nobody's turn.
    if (!away.has(plan) && away.size >= rollout.maxUnavailable) {
      waiting += 1
      continue
    }
    away.add(plan)
    plan.granted = wanted
    plan.because.push(`MicroVMRollout ${rollout.ref.name} lets ${rollout.maxUnavailable} be away at once`)
    plan.event = {
      type: 'Normal',
      reason: 'RestartGranted',
      note: `May restart, as MicroVMRollout ${rollout.ref.name} says`,
    }
  }
  report(draft, rollout, { selected: plans.length, unavailable: away.size, waiting })
}

/** Whether a VM is away, or was let go and did not come back. One that is not to run is never missed. */
function isAway(draft: Draft, { machine, bound }: MachinePlan): boolean {
  const { conditions, restart } = machine
  if (machine.deleting) return true
  const available = isTrue(conditions, 'Available')
  const rests = isTrue(conditions, 'Ready') && getCondition(conditions, 'Available')?.status === 'False'
  if (restart.wanted === null && (!machine.runs || rests)) return false
  if (restart.granted !== null && (restart.wanted !== null || !available)) return true
  if (!machine.runs || rests) return false
  const isSilent = bound === null || !['live', 'unheard'].includes(standingOf(draft, bound.node))
  return !available || isSilent
}

function report(draft: Draft, rollout: Rollout, counts: Readonly<Record<string, number>>): void {
  const same = Object.entries(counts).every(([name, count]) => countIn(rollout.status, name) === count)
  if (same && countIn(rollout.status, 'observedGeneration') === rollout.generation) return
  draft.writes.push({
    ...{ id: writeId('status', rollout.ref), ref: rollout.ref, on: versionOf(rollout), after: [], event: null },
    do: 'status',
    status: { observedGeneration: rollout.generation, ...counts },
    because: 'how far it is changed',
  })
}
