import { type Condition, type NewCondition, removeCondition, setCondition } from '../../api/conditions.ts'
import type { MicroVM } from '../../api/microvm.ts'
import type { MicroVMStatus } from '../../api/microvm-status.ts'
import type { ObservedMachine } from '../../host-state.ts'
import type { MachineRecord } from '../../ledger.ts'
import type { ResolvedMachine } from '../../resolve/machine.ts'
import { due } from '../../rollout/due.ts'
import { changeOf } from '../../rollout/turn.ts'
import { wantsToRun } from '../../rollout/wants.ts'
import { problemText } from '../../source/problem-text.ts'
import type { Accepted } from '../../source/source.ts'
import type { Concern, Lookups, PassView } from './view.ts'

interface Situation {
  readonly vm: Accepted & { readonly object: MicroVM }
  readonly made: ResolvedMachine | undefined
  readonly seen: ObservedMachine | undefined
  readonly record: MachineRecord | undefined
  readonly concern: Concern
  readonly view: PassView
  readonly lookups: Lookups
}

/** Conditions that say something only while they hold; kstatus reads their absence as "nothing of the kind". */
const passing = ['Reconciling', 'Stalled', 'RestartRequired', 'SpecUnderstood', 'CredentialsCurrent'] as const

/** The status of a MicroVM; conditions as the table in the README tells them. */
export function microVMStatusOf(situation: Situation, before: MicroVMStatus | undefined): MicroVMStatus {
  const { vm, made, seen, record, view } = situation
  const now = view.time
  let conditions: readonly Condition[] = before?.conditions ?? []
  const wanted = conditionsOf(situation)
  for (const type of passing) {
    if (!wanted.some((condition) => condition.type === type)) conditions = removeCondition(conditions, type)
  }
  for (const condition of wanted)
    conditions = setCondition(conditions, { ...condition, observedGeneration: vm.generation }, now)
  const started = seen ? (record?.started ?? seen.started) : null
  return {
    phase: phaseOf(situation),
    observedGeneration: vm.generation,
    nodeName: view.nodeName,
    conditions: [...conditions],
    ...(made && started && { effective: { machine: made.machine.boot.qemu.machine, accel: started.accel } }),
    ...(started && {
      hypervisor: {
        name: made?.machine.boot.hypervisor ?? 'qemu',
        ...(view.hypervisorVersion && { version: view.hypervisorVersion }),
        ...(seen?.pid && { pid: seen.pid }),
        startedAt: new Date(started.at).toISOString(),
      },
    }),
    ...(made && {
      interfaces: made.interfaces.map(({ name, tap, mac, address }) => ({ name, tap, mac, addresses: [{ address }] })),
      disks: made.volumes.map((volume) => ({
        name: made.machine.boot.disks.find((disk) => disk.volume === volume.name)?.name ?? volume.name,
        ...(!volume.ephemeral && { state: volume.owner.name }),
        volume: volume.name,
      })),
    }),
    ...turnOf(situation),
    restarts: {
      count: (record?.restarts.count ?? 0) + (seen?.resets ?? 0),
      ...(record?.restarts.last && {
        last: { reason: record.restarts.last.reason, at: new Date(record.restarts.last.at).toISOString() },
      }),
    },
    ...(started?.credentials && {
      credentials: { revision: `${started.credentials.key}:${started.credentials.digest}` },
    }),
  }
}

/** The restart that it waits for among the VMs of its rollout; said until it runs with what it is for. */
function turnOf({ made, seen, record }: Situation): Pick<MicroVMStatus, 'restart'> {
  const started = record?.started ?? seen?.started
  // Also before the server was read: a wish that is taken back for a moment looks as if the VM were back.
  if (made?.machine.turn === undefined || !started || due(made.machine, started) === null) return {}
  return { restart: { wanted: changeOf(made.machine) } }
}

function phaseOf({ vm, made, seen, record, concern, view }: Situation): string {
  const flight = view.observed.inFlight.find((one) => one.machine === vm.uid)
  if (flight?.kind === 'stopMachine' || (vm.deletion && seen)) return 'Stopping'
  if (seen?.phase === 'Running') return 'Running'
  if (seen?.phase === 'Stuck') return 'Unknown'
  if (flight?.kind === 'startMachine' || seen?.phase === 'Starting' || seen?.phase === 'Paused') return 'Starting'
  if (made && !wantsToRun(made.machine)) return 'Stopped'
  if ((record?.crashes.count ?? 0) > 1 || concern.failures.length > 0) return 'Failed'
  return 'Pending'
}

function conditionsOf(situation: Situation): readonly NewCondition[] {
  const { vm, seen, concern } = situation
  const available = seen?.phase === 'Running' && seen.ready
  const stalled = stalledOf(situation)
  const restart = restartRequiredOf(situation)
  const busy = concern.actions.length > 0 || concern.waits.length > 0 || concern.failures.length > 0
  const list: NewCondition[] = [
    {
      type: 'Available',
      status: available ? 'True' : 'False',
      reason: available ? 'Running' : seen ? 'NotReady' : 'NotRunning',
      message: available
        ? 'the guest answers its readiness probe'
        : seen
          ? 'the guest does not answer its readiness probe'
          : 'no VMM runs',
    },
    networkReadyOf(situation),
    disksAttachedOf(situation),
  ]
  const credentials = credentialsCurrentOf(situation)
  if (credentials) list.push(credentials)
  if (restart) list.push(restart)
  const [unclear] = 'cluster' in vm.origin ? vm.newer : []
  if (unclear) list.push({ type: 'SpecUnderstood', status: 'False', reason: 'Refused', message: unclear.message })
  if (stalled) list.push(stalled)
  else if (busy && !vm.deletion) {
    const [first] = [
      ...concern.failures.map((failure) => failure.error),
      ...concern.waits.map((wait) => wait.message),
      ...concern.actions.map((action) => `${action.kind}: ${action.because}`),
    ]
    list.push({
      type: 'Reconciling',
      status: 'True',
      reason: concern.waits[0]?.reason ?? 'Progressing',
      message: first ?? '',
    })
  }
  return [...list, readyOf(situation, list)]
}

/** Derived from the others; see the table of conditions. */
function readyOf({ made, seen, record, concern, vm }: Situation, list: readonly NewCondition[]): NewCondition {
  const find = (type: string) => list.find((condition) => condition.type === type)
  const say = (status: NewCondition['status'], reason: string, message: string): NewCondition => ({
    type: 'Ready',
    status,
    reason,
    message,
  })
  const stalled = find('Stalled')
  if (vm.deletion) return say('False', 'Deleting', 'its manifest is gone')
  if (stalled) return say('False', stalled.reason, stalled.message)
  const loop = concern.waits.find((wait) => wait.reason === 'CrashLoopBackOff')
  if (loop) return say('False', 'CrashLoopBackOff', loop.message)
  if (seen?.phase === 'Stuck') return say('Unknown', 'Stuck', stuckWords(seen))
  const reconciling = find('Reconciling')
  if (reconciling) return say('False', reconciling.reason, reconciling.message)
  if (made && !wantsToRun(made.machine)) {
    const { runStrategy } = made.machine
    if (runStrategy === 'Halted') return say('True', 'Halted', 'runStrategy is Halted')
    if (record?.started?.ended)
      return say('True', 'Completed', `it ended (${record.started.ended.how}) and ${runStrategy} leaves it so`)
    return say('True', 'Stopped', 'nobody asked it to start')
  }
  if (find('Available')?.status === 'True') return say('True', 'Running', 'it runs and answers its readiness probe')
  return say('False', 'NotReady', find('Available')?.message ?? 'it does not run yet')
}

function stuckWords({ stray, pid }: ObservedMachine): string {
  if (!stray) return 'its VMM does not answer on QMP; it is left alone'
  return `its runtime folder was removed: its guest runs on and cannot be asked for anything; shut it down from within, or end process ${pid}, which is as pulling its plug; then it is started anew`
}

/** A spec that cannot be carried out: a newer version that is not accepted, a conflict, a bad reference. */
function stalledOf({ vm, made, concern }: Situation): NewCondition | null {
  const [problem] = vm.newer
  if (problem) {
    return { type: 'Stalled', status: 'True', reason: 'InvalidSpec', message: problemText(problem) }
  }
  const [refusal] = concern.refusals
  if (refusal) return { type: 'Stalled', status: 'True', reason: refusal.reason, message: refusal.message }
  if (made?.machine.blocked)
    return { type: 'Stalled', status: 'True', reason: 'Blocked', message: made.machine.blocked }
  return null
}

function restartRequiredOf({ made, seen, record, concern }: Situation): NewCondition | null {
  const started = record?.started ?? seen?.started
  if (!made || !seen || !started || concern.actions.some((action) => action.kind === 'stopMachine')) return null
  const change = due(made.machine, started)
  if (!change) return null
  return {
    type: 'RestartRequired',
    status: 'True',
    reason: change.reason,
    message: `changed: ${change.fields.join(', ')}`,
  }
}

function networkReadyOf({ made, seen, view, concern, lookups }: Situation): NewCondition {
  const say = (status: NewCondition['status'], reason: string, message: string): NewCondition => ({
    type: 'NetworkReady',
    status,
    reason,
    message,
  })
  if (!made) return say('Unknown', 'Held', 'its spec cannot be realised as it is')
  const missing = made.interfaces.find(({ tap, network }) => {
    const link = lookups.links.get(tap)
    return !link || link.master !== network.bridge || !link.up
  })
  const [failure] = concern.failures
  if (missing) return say('False', 'LinkMissing', failure?.error ?? `${missing.tap} is not in place yet`)
  if (made.interfaces.length > 0 && view.observed.rules.chains !== view.observed.rules.reference) {
    return say('False', 'RulesMissing', 'our nftables rules are not in place yet')
  }
  if (seen && seen.detachedNics.length > 0)
    return say('False', 'Detached', `${seen.detachedNics.join(', ')} lost its TAP`)
  const [foreign] = view.observed.rules.foreign
  if (foreign !== undefined && made.interfaces.length > 0) {
    return say(
      'True',
      'ForeignFirewall',
      `links and rules are in place; nftables chain ${foreign} drops forwarded packets by policy and may drop ours`,
    )
  }
  return say('True', 'InPlace', 'links and rules are in place')
}

function disksAttachedOf({ made, seen, lookups }: Situation): NewCondition {
  const say = (status: NewCondition['status'], reason: string, message: string): NewCondition => ({
    type: 'DisksAttached',
    status,
    reason,
    message,
  })
  if (!made) return say('Unknown', 'Held', 'its spec cannot be realised as it is')
  const bad = made.volumes.map((volume) => lookups.volumes.get(volume.name)).find((volume) => volume?.fault)
  if (bad) return say('False', 'VolumeFault', `volume ${bad.name}: ${bad.fault}`)
  if (!seen) return say('False', 'NotRunning', 'no VMM runs')
  return say('True', 'Attached', 'the VMM has its disks')
}

function credentialsCurrentOf({ made, seen, record, view, vm }: Situation): NewCondition | null {
  const facts = view.facts.credentials.get(vm.uid)
  if (!facts || (facts.items.length === 0 && facts.problem === null)) return null
  const say = (status: NewCondition['status'], reason: string, message: string): NewCondition => ({
    type: 'CredentialsCurrent',
    status,
    reason,
    message,
  })
  if (facts.problem !== null) return say('Unknown', 'Unreadable', facts.problem)
  const started = record?.started ?? seen?.started
  if (!seen || !started || !made) return say('False', 'NotRunning', 'no VMM runs')
  const behind = due(made.machine, started)?.fields.includes('credentials') ?? false
  if (behind)
    return say('False', 'Rotated', 'the guest still has the values from before; it restarts when its turn comes')
  return say(
    'True',
    'Delivered',
    `${facts.items.length === 1 ? 'its credential' : `${facts.items.length} credentials`}, with the value of now`,
  )
}
