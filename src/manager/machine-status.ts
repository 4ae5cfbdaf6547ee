import { type Condition, getCondition, setCondition } from '../api/conditions.ts'
import { type Draft, type MachinePlan, type ReadyReason, readyReasons, stateKey, versionOf, writeId } from './draft.ts'

/**
 * Writes everything in the status of each MicroVM that is the manager's, where that is not what stands there: server-side
 * apply takes away what its owner leaves out, so it is always the whole.
 */
export function writeMachines(draft: Draft): void {
  const written = new Set(draft.writes.map(({ id }) => id))
  for (const plan of draft.plans) {
    const { machine } = plan
    if (plan.touched) continue
    const ready = readyOf(plan, draft.now)
    if (isSaid(plan, ready)) continue
    const states = machine.states.map((name) => `status ${stateKey(machine, name)}`).filter((id) => written.has(id))
    draft.writes.push({
      ...{ id: writeId('status', machine.ref), ref: machine.ref, on: versionOf(machine) },
      do: 'status',
      status: statusOf(plan, ready),
      after: [...plan.after, ...states],
      because: plan.because.join('; ') || 'its status is not what was decided',
      event: plan.event ?? unschedulable(plan),
    })
  }
}

/** The manager's Ready: what was decided, or what it said before and no agent has taken over. */
function readyOf({ machine, bound, ready }: MachinePlan, now: number): Condition | null {
  const before = getCondition(machine.conditions, 'Ready')
  const isOurs = before !== undefined && readyReasons.includes(before.reason as ReadyReason)
  if (ready === null) {
    if (!isOurs) return null
    // The host that it could not be bound to, or that was fenced, has it now.
    if (before.reason !== 'Unschedulable' || bound === null || machine.deleting) return before
  }
  const next = ready ?? {
    status: 'False' as const,
    reason: 'WaitingForHost' as const,
    message: `it is bound to ${bound?.node}, which has not taken it yet`,
  }
  const observedGeneration = machine.generation
  const list = setCondition(
    machine.conditions,
    { type: 'Ready', ...next, observedGeneration },
    new Date(now).toISOString(),
  )
  return getCondition(list, 'Ready') ?? null
}

/** An agent's word on the phase stands as long as its host may be running the VM. */
function isPending(ready: Condition | null): ready is Condition {
  return ready !== null && ready.reason !== 'HostSilent'
}

function isSaid({ machine, bound, addresses, rollout, granted }: MachinePlan, ready: Condition | null): boolean {
  const sameBinding =
    bound === null ? machine.bound === null : bound.node === machine.bound?.node && bound.epoch === machine.bound.epoch
  const sameAddresses =
    addresses.size === machine.addresses.size &&
    [...addresses].every(([name, address]) => machine.addresses.get(name) === address)
  const sameReady = ready === null || getCondition(machine.conditions, 'Ready') === ready
  const samePhase =
    !isPending(ready) || (machine.phase === 'Pending' && machine.observedGeneration === ready.observedGeneration)
  const sameRestart = rollout === machine.rollout && granted === machine.restart.granted
  return sameBinding && sameAddresses && sameReady && samePhase && sameRestart
}

function statusOf(
  { machine, bound, addresses, rollout, granted }: MachinePlan,
  ready: Condition | null,
): Record<string, unknown> {
  const epoch = bound?.epoch ?? machine.epoch
  return {
    ...(bound !== null && { nodeName: bound.node }),
    ...(epoch > 0 && { bindingEpoch: epoch }),
    ...(addresses.size > 0 && {
      interfaces: [...addresses].map(([name, address]) => ({ name, addresses: [{ address }] })),
    }),
    ...(rollout !== null && { rollout }),
    ...(granted !== null && { restart: { granted } }),
    ...(ready !== null && { conditions: [ready] }),
    ...(isPending(ready) && { phase: 'Pending', observedGeneration: ready.observedGeneration }),
  }
}

/** Told when it begins, not each time that the reasons change. */
function unschedulable({ machine, ready }: MachinePlan): MachinePlan['event'] {
  if (ready?.reason !== 'Unschedulable') return null
  if (getCondition(machine.conditions, 'Ready')?.reason === 'Unschedulable') return null
  return { type: 'Warning', reason: 'Unschedulable', note: ready.message }
}
