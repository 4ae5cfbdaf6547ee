import type { Action, CrashCount, StartReason } from '../action.ts'
import type { HostState, InFlight, Machine, MachineEnd, ObjectRef, Observed, ObservedMachine } from '../host-state.ts'
import type { Ledger, MachineRecord, PowerOff, StartedRecord } from '../ledger.ts'
import { afterCrash, isEarly } from '../rollout/backoff.ts'
import { due } from '../rollout/due.ts'
import { type Grants, grant } from '../rollout/grant.ts'
import { isItsTurn } from '../rollout/turn.ts'
import { powerAfter, wantsToRun } from '../rollout/wants.ts'
import { add, type Draft, wishOf } from './draft.ts'
import { ownerKey } from './network.ts'
import type { Obstacles } from './obstacle.ts'

/** What the machines' plan means for everybody else. */
export interface MachineDraft {
  /** Actions after which nothing of a machine runs any more, by uid. */
  readonly goneAfter: ReadonlyMap<string, readonly string[]>
  /** The start planned for a machine, by uid; its needs are added to `after` later. */
  readonly starts: ReadonlyMap<string, string>
  /** Machines that run and that nobody asks to stop. */
  readonly staying: readonly ObservedMachine[]
}

interface Context {
  readonly draft: Draft
  readonly observed: Observed
  readonly ledger: Ledger
  readonly grants: Grants
  readonly obstacles: Obstacles
  readonly now: number
  readonly goneAfter: Map<string, readonly string[]>
  readonly starts: Map<string, string>
}

/** Which VMMs end, which are cleared away, which start. Each machine by itself; only a shared secret couples them. */
export function planMachines(
  draft: Draft,
  desired: HostState,
  observed: Observed,
  ledger: Ledger,
  now: number,
  obstacles: Obstacles,
): MachineDraft {
  const grants = grant(desired, observed, ledger, obstacles.machines)
  const context: Context = { draft, observed, ledger, grants, obstacles, now, goneAfter: new Map(), starts: new Map() }
  const seen = new Map(observed.machines.map((machine) => [machine.uid, machine]))
  for (const machine of desired.machines) planWanted(context, machine, seen.get(machine.uid))

  const wanted = new Set(desired.machines.map((machine) => machine.uid))
  const departed = new Map(desired.departed.map((one) => [one.uid, one.owner]))
  for (const [uid, owner] of departed) planDeparted(context, uid, owner, seen.get(uid))

  const held = new Set(desired.held)
  const staying: ObservedMachine[] = []
  for (const machine of observed.machines) {
    if (wanted.has(machine.uid) || departed.has(machine.uid)) continue
    if (machine.phase !== 'Gone') staying.push(machine)
    if (held.has(machine.uid)) continue
    draft.refusals.push({
      owner: machine.owner,
      reason: 'Unclaimed',
      message: `a VM of uid ${machine.uid} is here and no object speaks of it; it is left alone: apply its manifest again, or delete it by name`,
    })
  }
  return { goneAfter: context.goneAfter, starts: context.starts, staying }
}

function planDeparted(context: Context, uid: string, owner: ObjectRef, seen: ObservedMachine | undefined): void {
  const { draft, ledger } = context
  const record = ledger.machines[uid]
  const gone = end(context, { uid, id: seen?.id ?? idOf(uid), owner }, seen, record, 'its manifest is gone')
  if (!record) return
  add(
    draft,
    { id: `forgetMachine/${idOf(uid)}`, owner, after: gone, because: 'its manifest is gone' },
    { kind: 'forgetMachine', uid },
  )
}

function planWanted(context: Context, machine: Machine, seen: ObservedMachine | undefined): void {
  const { ledger, now } = context
  const record = ledger.machines[machine.uid]
  const wants = wantsToRun(machine)
  const started = record?.started ?? seen?.started ?? null

  if (!wants) {
    end(
      context,
      machine,
      seen,
      record,
      machine.runStrategy === 'Halted' ? 'runStrategy is Halted' : 'it was asked to stop',
    )
    return
  }
  const flight = context.observed.inFlight.find((one) => one.machine === machine.uid)
  if (flight?.kind === 'startMachine' && keepStarting(context, machine, flight)) return
  // Half of its effect may be seen and half not; the look that its end wakes goes on from the whole.
  if (flight?.kind === 'concludeMachine') return
  if (flight?.kind === 'stopMachine' && seen && isDue(machine, started)) {
    restartWhenDue(context, machine, seen, record, started)
    return
  }

  const ended = endOf(seen, record, context.observed.bootId)
  if (ended) {
    const { how, crashes, power } = writtenEnd(seen, record) ?? {
      how: ended,
      crashes: countEnd(ended, record, machine.uid, now),
      power: powerAfter(machine.runStrategy, machine.power, ended),
    }
    const concluded = conclude(context, machine, how, crashes, power, [], `it ended: ${how}`)
    if (machine.runStrategy === 'Always' || power === 'on') {
      start(context, machine, reasonAfter(how, machine, started), retryAtOf(machine, started, crashes), [concluded])
    }
    return
  }
  if (!seen) {
    start(context, machine, nextReason(machine, record), retryAtOf(machine, started, record?.crashes), [])
    return
  }
  restartWhenDue(context, machine, seen, record, started)
}

/** The pause is for what it was made of: whoever changed that has it tried at once. */
function retryAtOf(machine: Machine, started: StartedRecord | null, crashes: CrashCount | undefined): number {
  return isDue(machine, started) ? 0 : (crashes?.retryAt ?? 0)
}

function isDue(machine: Machine, started: StartedRecord | null): boolean {
  return started !== null && due(machine, started) !== null
}

/** A running machine: nothing, or stop and start anew. */
function restartWhenDue(
  context: Context,
  machine: Machine,
  seen: ObservedMachine,
  record: MachineRecord | undefined,
  started: StartedRecord | null,
): void {
  const { draft, grants } = context
  const change = started ? due(machine, started) : null
  if (!change) {
    if (seen.phase === 'Paused') {
      add(draft, head('resumeMachine', machine, 'its CPUs are stopped'), {
        kind: 'resumeMachine',
        uid: machine.uid,
        machine: machine.id,
      })
    }
    return
  }
  if (isBlocked(context, machine)) return
  if (!isItsTurn(machine)) {
    const message = `changed: ${change.fields.join(', ')}; waits ${turnOf(machine)}`
    draft.waits.push({ owner: machine.owner, reason: 'RestartQueued', message, until: null })
    return
  }
  if (!grants.granted.has(machine.uid)) {
    const wait = grants.waits.get(machine.uid)
    if (wait) draft.waits.push(wait)
    return
  }
  const gone = end(context, machine, seen, record, `changed: ${change.fields.join(', ')}`)
  start(context, machine, change.reason, 0, gone)
}

/** A start that is under way and still the one that is wanted goes on. */
function keepStarting(context: Context, machine: Machine, flight: InFlight): boolean {
  const action: Action = {
    ...head('startMachine', machine, 'under way'),
    kind: 'startMachine',
    machine,
    reason: 'Created',
  }
  if (flight.digest !== wishOf(action)) return false
  context.draft.actions.push(action)
  return true
}

function start(
  context: Context,
  machine: Machine,
  reason: StartReason,
  retryAt: number,
  after: readonly string[],
): void {
  const { draft, now } = context
  if (isBlocked(context, machine)) return
  if (isEarly(retryAt, now)) {
    draft.waits.push({
      owner: machine.owner,
      reason: 'CrashLoopBackOff',
      message: `it keeps ending; the next try is due in ${Math.ceil((retryAt - now) / 1000)} s`,
      until: retryAt,
    })
    return
  }
  const id = add(draft, { ...head('startMachine', machine, reason), after }, { kind: 'startMachine', machine, reason })
  context.starts.set(machine.uid, id)
}

/** It may not start; so it is not stopped for a restart either. */
function isBlocked(context: Context, machine: Machine): boolean {
  return machine.blocked !== null || context.obstacles.machines.has(machine.uid)
}

/** Ends whatever there is of a machine; answers the ids after which it is gone. */
function end(
  context: Context,
  machine: { readonly uid: string; readonly id: string; readonly owner: ObjectRef },
  seen: ObservedMachine | undefined,
  record: MachineRecord | undefined,
  because: string,
): readonly string[] {
  const crashes: CrashCount = { count: 0, retryAt: 0 }
  const power = record?.power.wish ?? 'on'
  const open = record?.started && record.started.ended === null
  if (!seen && !open) return []
  const stopping = context.observed.inFlight.some(
    ({ kind, machine: uid }) => kind === 'stopMachine' && uid === machine.uid,
  )
  if (!stopping && (!seen || seen.phase === 'Gone' || seen.phase === 'Ended')) {
    return [conclude(context, machine, seen?.end ?? 'Stopped', crashes, power, [], because)]
  }
  const stop = planStop(context, machine, record?.started ?? seen?.started ?? null, because)
  return [conclude(context, machine, 'Stopped', crashes, power, [stop], because)]
}

function planStop(
  { draft, observed, ledger, now }: Context,
  machine: { readonly uid: string; readonly id: string; readonly owner: ObjectRef },
  started: StartedRecord | null,
  because: string,
): string {
  const applied: PowerOff = started?.powerOff ?? { method: 'qmp-powerdown', graceSeconds: 30 }
  const powerOff = { ...applied, graceSeconds: ledger.machines[machine.uid]?.graceSeconds ?? applied.graceSeconds }
  const flight = observed.inFlight.find((one) => one.kind === 'stopMachine' && one.machine === machine.uid)
  const deadline = flight?.deadline ?? now + powerOff.graceSeconds * 1000
  return add(draft, head('stopMachine', machine, because), {
    kind: 'stopMachine',
    uid: machine.uid,
    machine: machine.id,
    powerOff,
    deadline,
  })
}

function conclude(
  context: Context,
  machine: { readonly uid: string; readonly id: string; readonly owner: ObjectRef },
  how: MachineEnd | 'HostRebooted',
  crashes: CrashCount,
  power: 'on' | 'off',
  after: readonly string[],
  because: string,
): string {
  const id = add(
    context.draft,
    { ...head('concludeMachine', machine, because), after },
    { kind: 'concludeMachine', uid: machine.uid, machine: machine.id, end: how, crashes, power },
  )
  context.goneAfter.set(machine.uid, [id])
  return id
}

/**
 * An end that was written down and whose traces are not cleared yet: it counts once. Null when there is none. A folder that
 * does not say what was started in it is one whose clearing was cut short: its record goes last.
 */
function writtenEnd(
  seen: ObservedMachine | undefined,
  record: MachineRecord | undefined,
): { how: MachineEnd | 'HostRebooted'; crashes: CrashCount; power: 'on' | 'off' } | null {
  const ended = record?.started?.ended
  if (!ended || !seen || (seen.started && seen.started.incarnation !== record.started.incarnation)) return null
  return { how: ended.how as MachineEnd | 'HostRebooted', crashes: record.crashes, power: record.power.wish }
}

/**
 * How the incarnation that the ledger knows ended, when it has; null otherwise. An end is written down before its runtime
 * folder is cleared: without a folder and without an end it never came to be, and nothing has ended. A reboot takes every
 * folder, so of a start that was undone before it that is written down.
 */
function endOf(
  seen: ObservedMachine | undefined,
  record: MachineRecord | undefined,
  bootId: string,
): MachineEnd | 'HostRebooted' | null {
  if (seen?.phase === 'Gone' || seen?.phase === 'Ended') return seen.end ?? 'Crashed'
  const started = record?.started ?? seen?.started
  if (seen?.phase === 'Starting') return seen.late ? 'Crashed' : null
  if (seen || !started || started.ended !== null || started.undone) return null
  return started.bootId === bootId ? null : 'HostRebooted'
}

function countEnd(
  how: MachineEnd | 'HostRebooted',
  record: MachineRecord | undefined,
  uid: string,
  now: number,
): CrashCount {
  if (how === 'Stopped' || how === 'HostRebooted') return { count: 0, retryAt: 0 }
  return afterCrash(record, uid, now)
}

/** Why it starts again after that end: a stop of ours was for what changed, or because somebody asked. */
function reasonAfter(how: MachineEnd | 'HostRebooted', machine: Machine, started: StartedRecord | null): StartReason {
  if (how !== 'Stopped') return how
  return (started ? due(machine, started)?.reason : null) ?? 'Requested'
}

/** Why a machine that is not there starts: what changed meanwhile, or what its last end was. */
function nextReason(machine: Machine, record: MachineRecord | undefined): StartReason {
  const started = record?.started
  if (!started) return 'Created'
  const how = (started.ended?.how ?? 'Stopped') as MachineEnd | 'HostRebooted'
  return due(machine, started)?.reason ?? reasonAfter(how, machine, started)
}

function head(kind: Action['kind'], machine: { readonly id: string; readonly owner: ObjectRef }, because: string) {
  return { id: `${kind}/${machine.id}`, owner: machine.owner, after: [] as readonly string[], because }
}

/** Name of a machine's runtime folder: the first 10 hex digits of its uid. */
export function idOf(uid: string): string {
  return uid.replaceAll('-', '').slice(0, 10)
}

/** Owner keys of machines, for whom the network asks. */
export function byOwner(machines: readonly { readonly owner: ObjectRef }[]): ReadonlySet<string> {
  return new Set(machines.map((machine) => ownerKey(machine.owner)))
}

function turnOf({ turn }: Machine): string {
  const { rollout = null } = turn ?? {}
  return rollout === null
    ? 'until the API server says whether it is its turn'
    : `for its turn in MicroVMRollout ${rollout}`
}
