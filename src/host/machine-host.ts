import type { Link, Machine, ObservedMachine, Tap } from '../host-state.ts'
import type { MachineRecord, PowerOff, StartedRecord } from '../ledger.ts'
import type { Secret } from '../secret/secret.ts'
import { sweepDrafts } from './machine/clear.ts'
import { conclude } from './machine/conclude.ts'
import type { MachineContext, MachineDeps, ReadinessOf } from './machine/context.ts'
import { detachedNics } from './machine/detached.ts'
import { cutConsole } from './machine/logs.ts'
import { observe } from './machine/observe.ts'
import { newProber } from './machine/probe.ts'
import { replug } from './machine/replug.ts'
import { resume } from './machine/resume.ts'
import { endedConsole, idOf } from './machine/runtime.ts'
import { start } from './machine/start.ts'
import { stop } from './machine/stop.ts'

export type { MachineDeps, MachineLog, Readiness, ReadinessOf } from './machine/context.ts'
export { StartError } from './machine/start.ts'

/**
 * The VMMs of this root: observing and acting, with no opinion on what should be. Every act is idempotent, checks what is
 * there right before it acts, throws a sentence when it cannot, and leaves by its signal or deadline. Nothing here knows
 * the ledger.
 */
export interface MachineHost {
  /**
   * Every machine that has a runtime folder, and every record of one that should be there and whose uid still owns a VMM.
   * `links` are those of this host now: by their carrier it is known which NIC has lost its TAP. Changes nothing on the
   * host; those that `readinessOf` has a probe for are probed from then on.
   */
  observe(
    records: Readonly<Record<string, MachineRecord>>,
    links: readonly Link[],
    readinessOf: ReadinessOf,
    signal: AbortSignal,
  ): Promise<readonly ObservedMachine[]>
  /**
   * Makes the runtime folder, writes `started` and the credential files into it, spawns the VMM paused, waits for its
   * QMP greeting, deletes the credential files and lets the guest run. Throws when anything of this uid still runs, and a
   * {@link StartError} when it fails later.
   */
  start(machine: Machine, started: StartedRecord, credentials: readonly Secret[], signal: AbortSignal): Promise<void>
  /** Finishes a start that was cut short, or continues a guest that somebody paused. */
  resume(uid: string, signal: AbortSignal): Promise<void>
  /** Asks the guest to go as `powerOff` says, waits until `deadline` (epoch milliseconds), then ends the VMM by force. */
  stop(uid: string, powerOff: PowerOff, deadline: number, signal: AbortSignal): Promise<void>
  /** Ends whatever process is left of it (a guest that is over, a VMM that hangs) and clears its runtime folder. */
  conclude(uid: string, user: number, signal: AbortSignal): Promise<void>
  /** Its object is gone: what was kept of it between two starts goes too. */
  forget(uid: string): Promise<void>
  /** Gives a running guest its interface back after its TAP was made anew. */
  replug(uid: string, tap: Tap, signal: AbortSignal): Promise<void>
  /** Removes runtime folders that were never finished, credential files in them included; before anything is started. */
  sweep(): Promise<void>
  /** Called whenever something about a machine may have changed: an event, a closed socket, a probe that turned. */
  onChange(wake: () => void): void
  /** Gives up sockets and timers; the VMs run on. */
  close(): void
}

/** Milliseconds between two rounds over all running machines: logs are cut, silent VMMs asked. */
const round = 10_000

/** The VMMs of the root whose run directory is `paths.run`. */
export function machineHost(deps: MachineDeps): MachineHost {
  const listeners = new Set<() => void>()
  const wake = (): void => {
    for (const listener of listeners) listener()
  }
  const context: MachineContext = { ...deps, kept: new Map(), wake }
  const detached = detachedNics(deps.world, wake)
  const prober = newProber(deps, wake)
  const users = new Map<string, number>()
  const rounds = goRound(context)

  return {
    async observe(records, links, readinessOf, signal) {
      const machines = await observe(context, { detached, prober }, records, links, readinessOf, signal)
      for (const { uid, user } of machines) users.set(uid, user)
      return machines
    },
    start: (machine, started, credentials, signal) => start(context, machine, started, credentials, signal),
    resume: (uid, signal) => resume(context, uid, signal),
    stop: (uid, powerOff, deadline, signal) => stop(context, uid, users.get(uid) ?? null, powerOff, deadline, signal),
    async conclude(uid, user, signal) {
      await conclude(context, uid, user, signal)
      prober.forget(idOf(uid))
      detached.forget(uid)
      users.delete(uid)
    },
    forget: (uid) => deps.world.files.remove(endedConsole(deps.paths.run, idOf(uid))),
    async replug(uid, tap, signal) {
      await replug(context, uid, tap, signal)
      detached.forget(uid, tap.nic)
    },
    sweep: () => sweepDrafts(deps.world.files, deps.paths.run),
    onChange: (listener) => {
      listeners.add(listener)
    },
    close() {
      rounds()
      prober.close()
      for (const { session } of context.kept.values()) session.close()
      context.kept.clear()
    },
  }
}

/** What has to be done now and then for each machine, whether anything happens or not. Returns what ends it. */
function goRound(context: MachineContext): () => void {
  const { clock } = context.world
  const each = async (): Promise<void> => {
    for (const kept of [...context.kept.values()]) {
      if (kept.starting || !kept.session.vitals.alive) continue
      kept.session.check()
      await cutConsole(context.world, kept).catch((error: Error) => {
        context.log.warn({ machine: kept.id, problem: error.message }, 'cutting a console log')
      })
    }
  }
  let ended = false
  let end = clock.after(round, next)
  function next(): void {
    void each().finally(() => {
      if (!ended) end = clock.after(round, next)
    })
  }
  return () => {
    ended = true
    end()
  }
}
