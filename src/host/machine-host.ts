import type { Machine, ObservedMachine, Tap } from '../host-state.ts'
import type { MachineRecord, PowerOff, StartedRecord } from '../ledger.ts'
import type { Secret } from '../secret/secret.ts'

/**
 * The VMMs of this root: observing and acting, with no opinion on what should be. Every act is idempotent, checks what is
 * there right before it acts, throws a sentence when it cannot, and leaves by its signal or deadline. Nothing here knows
 * the ledger.
 */
export interface MachineHost {
  /** Every machine that has a runtime folder, and every record whose uid still owns a process. Changes nothing. */
  observe(records: Readonly<Record<string, MachineRecord>>, signal: AbortSignal): Promise<readonly ObservedMachine[]>
  /**
   * Makes the runtime folder, writes `started` and the credential files into it, spawns the VMM paused, waits for its
   * QMP greeting, deletes the credential files and lets the guest run. Throws when anything of this uid still runs.
   */
  start(machine: Machine, started: StartedRecord, credentials: readonly Secret[], signal: AbortSignal): Promise<void>
  /** Finishes a start that was cut short, or continues a guest that somebody paused. */
  resume(uid: string, signal: AbortSignal): Promise<void>
  /** Asks the guest to go as `powerOff` says, waits until `deadline` (epoch milliseconds), then ends the VMM by force. */
  stop(uid: string, powerOff: PowerOff, deadline: number, signal: AbortSignal): Promise<void>
  /** Ends whatever process is left of it (a guest that is over, a VMM that hangs) and clears its runtime folder. */
  conclude(uid: string, user: number, signal: AbortSignal): Promise<void>
  /** Gives a running guest its interface back after its TAP was made anew. */
  replug(uid: string, tap: Tap, signal: AbortSignal): Promise<void>
  /** Called whenever something about a machine may have changed: an event, a closed socket, a probe that turned. */
  onChange(wake: () => void): void
  /** Gives up sockets and timers; the VMs run on. */
  close(): void
}
