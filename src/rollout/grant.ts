import type { Wait } from '../action.ts'
import type { HostState, Machine, Observed, ObservedMachine } from '../host-state.ts'
import type { Ledger, StartedRecord } from '../ledger.ts'
import { due } from './due.ts'
import { isItsTurn } from './turn.ts'
import { wantsToRun } from './wants.ts'

/** Who may restart now; the others wait, each with a sentence. By uid. */
export interface Grants {
  readonly granted: ReadonlySet<string>
  readonly waits: ReadonlyMap<string, Wait>
}

/**
 * Machines that share a secret restart one by one when it changes: the next goes only once the one before answers its
 * readiness probe with the new value. Restarts for any other reason concern one machine's own spec and do not wait.
 * Those that are not ready, whatever for, go first, and one that is ready waits for them: a value that changes again
 * meanwhile, or one that somebody fell with, takes no second one down. Who cannot come back without an operator holds
 * nobody: one that may not start, and one that runs with the newest value where nobody can ask whether it is ready, since
 * its runtime folder was removed.
 *
 * @param refused uids of machines that the host does not let start
 */
export function grant(
  desired: HostState,
  observed: Observed,
  ledger: Ledger,
  refused: ReadonlySet<string> = new Set(),
): Grants {
  const seen = new Map(observed.machines.map((machine) => [machine.uid, machine]))
  const members = desired.machines.map((machine) => stand(machine, seen.get(machine.uid), ledger, observed, refused))
  const busy = new Map<string, string>()
  const occupy = ({ machine }: Standing) => {
    for (const secret of machine.secrets) busy.set(secret, machine.owner.name)
  }
  for (const member of members) if (member.underWay) occupy(member)
  const granted = new Set(members.filter(({ rotates }) => !rotates).map(({ machine }) => machine.uid))
  const waits = new Map<string, Wait>()
  for (const member of inOrder(members.filter(({ rotates }) => rotates))) {
    const { machine, ready, underWay } = member
    const blocker = machine.secrets.map((secret) => busy.get(secret)).find((name) => name !== undefined)
    const mayGo = blocker === undefined || underWay
    if (mayGo) granted.add(machine.uid)
    else waits.set(machine.uid, queued(machine, blocker))
    // One that waits although it is not ready is one that is missing already.
    if (mayGo || !ready) occupy(member)
  }
  return { granted, waits }
}

interface Standing {
  readonly machine: Machine
  /** It goes for the new value, or went for it and has not come back. */
  readonly underWay: boolean
  /** It serves, and was not asked to go for a value before. */
  readonly ready: boolean
  /** It runs with an old value, and may be started with the new one now. */
  readonly rotates: boolean
}

function stand(
  machine: Machine,
  seen: ObservedMachine | undefined,
  ledger: Ledger,
  observed: Observed,
  refused: ReadonlySet<string>,
): Standing {
  const started: StartedRecord | null = ledger.machines[machine.uid]?.started ?? seen?.started ?? null
  // One whose guest is over starts anew whatever it ended for: it is down.
  const alive = seen !== undefined && seen.phase !== 'Gone' && seen.phase !== 'Ended'
  const flying = observed.inFlight.some((operation) => operation.machine === machine.uid)
  const behind = started !== null && (due(machine, started)?.fields.includes('credentials') ?? false)
  const mayStart = machine.blocked === null && !refused.has(machine.uid)
  const wouldGo = alive && behind && mayStart
  // Whose turn it is among several hosts is not ours to say: one that waits for it holds up nobody as long as it serves.
  const rotates = wouldGo && isItsTurn(machine)
  const ready = !alive || seen.ready || started?.ended !== null || (seen.stray === true && !rotates)
  const down = !alive && wantsToRun(machine) && mayStart && (flying || started !== null)
  // A controller that died may have asked it to go: it is the one to go on with, whatever its last probe said.
  const stays = ready && !(rotates && seen?.asked === true)
  const isMissing = wouldGo && !rotates && !ready
  return { machine, rotates, ready: stays, underWay: (rotates && flying) || (!behind && !ready) || isMissing || down }
}

function queued({ owner }: Machine, blocker: string): Wait {
  const message = `its secret changed; waits until ${blocker}, which shares it, is ready again`
  return { owner, reason: 'RestartQueued', message, until: null }
}

/** Those that are not ready before those that are: nobody misses them. */
function inOrder(members: readonly Standing[]): readonly Standing[] {
  return [...members.filter(({ ready }) => !ready), ...members.filter(({ ready }) => ready)]
}
