import type { Wait } from '../action.ts'
import type { HostState, Machine, Observed, ObservedMachine } from '../host-state.ts'
import type { Ledger, StartedRecord } from '../ledger.ts'
import { isEarly } from './backoff.ts'
import { due } from './due.ts'
import { wantsToRun } from './wants.ts'

/** Who may restart now; the others wait, each with a sentence. By uid. */
export interface Grants {
  readonly granted: ReadonlySet<string>
  readonly waits: ReadonlyMap<string, Wait>
}

/**
 * Machines that share a secret restart one by one when it changes: the next goes only once the one before answers its
 * readiness probe with the new value. Restarts for any other reason concern one machine's own spec and do not wait.
 * One that is down with an old value does not hold up the others; one that went down with the new value does.
 */
export function grant(desired: HostState, observed: Observed, ledger: Ledger, now: number): Grants {
  const seen = new Map(observed.machines.map((machine) => [machine.uid, machine]))
  const members = desired.machines.map((machine) => stand(machine, seen.get(machine.uid), ledger, observed, now))
  const busy = new Map<string, string>()
  for (const member of members) {
    if (member.settling) for (const secret of member.machine.secrets) busy.set(secret, member.machine.owner.name)
  }
  const granted = new Set<string>()
  const waits = new Map<string, Wait>()
  for (const { machine, settling, rotates } of members) {
    if (!rotates) {
      granted.add(machine.uid)
      continue
    }
    const blocker = settling
      ? undefined
      : machine.secrets.map((secret) => busy.get(secret)).find((name) => name !== undefined)
    if (blocker !== undefined) {
      waits.set(machine.uid, {
        owner: machine.owner,
        reason: 'RestartQueued',
        message: `its secret changed; waits until ${blocker}, which shares it, is ready again`,
        until: null,
      })
      continue
    }
    granted.add(machine.uid)
    for (const secret of machine.secrets) busy.set(secret, machine.owner.name)
  }
  return { granted, waits }
}

interface Standing {
  readonly machine: Machine
  /** It is under way to the new value, or there and not ready yet. */
  readonly settling: boolean
  /** It runs with an old value. */
  readonly rotates: boolean
}

function stand(
  machine: Machine,
  seen: ObservedMachine | undefined,
  ledger: Ledger,
  observed: Observed,
  now: number,
): Standing {
  const record = ledger.machines[machine.uid]
  const started: StartedRecord | null | undefined = record?.started ?? seen?.started
  const alive = seen !== undefined && seen.phase !== 'Gone'
  const flying = observed.inFlight.some((operation) => operation.machine === machine.uid)
  const behind = started ? (due(machine, started)?.fields.includes('credentials') ?? false) : false
  const rotates = alive && behind
  const startedAnew = alive && !behind && !seen.ready && started?.ended === null
  const pauses = isEarly(record?.crashes.retryAt ?? 0, now)
  // One that had the new value and did not live with it is a warning; one that pauses with the old value is not.
  const fell = behind ? !pauses : started !== null && started !== undefined
  const between = !alive && wantsToRun(machine) && machine.blocked === null && (flying || fell)
  return { machine, rotates, settling: machine.secrets.length > 0 && ((rotates && flying) || startedAnew || between) }
}
