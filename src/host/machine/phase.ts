import type { MachineEnd, ObservedMachine } from '../../host-state.ts'
import type { Journal } from './journal.ts'

export type Phase = ObservedMachine['phase']

/** What is known of a VMM. */
export interface Vitals {
  /** Something holds its life socket, or its process is there. */
  readonly alive: boolean
  /** What query-status said last; null when it never answered us. */
  readonly runState: string | null
  /** Milliseconds since when it has not answered; null when it answers. */
  readonly silentFor: number | null
  readonly journal: Journal
}

/** A VMM that says nothing for so long hangs, milliseconds. */
export const stuckAfter = 10_000

/** Pure: what all of it means. Run states as in QEMU's RunState. */
export function phaseOf({ alive, runState, silentFor, journal }: Vitals): Phase {
  if (!alive) return 'Gone'
  // Before its guest was let run, a VMM may still be reading its files; from then on it answers.
  if (runState === null && !journal.ran) return 'Starting'
  if (silentFor !== null && silentFor >= stuckAfter) return 'Stuck'
  if (runState === null) return journal.end === null ? 'Running' : 'Ended'
  if (over.has(runState)) return 'Ended'
  return running.has(runState) ? 'Running' : 'Paused'
}

/** Pure: how it ended; null while it runs, and when nothing says how. */
export function endOf(phase: Phase, { runState, journal }: Vitals): MachineEnd | null {
  // Its guest was never let run: nothing has ended.
  if (phase === 'Gone') return journal.ran ? journal.end : (journal.end ?? 'Stopped')
  if (phase !== 'Ended') return null
  if (runState === 'guest-panicked') return 'GuestPanicked'
  if (runState === 'internal-error') return 'Crashed'
  return journal.end ?? 'GuestShutdown'
}

const over: ReadonlySet<string> = new Set(['shutdown', 'guest-panicked', 'internal-error'])

/** A suspended guest wakes by itself. */
const running: ReadonlySet<string> = new Set(['running', 'suspended'])
