import type { Logger } from 'pino'
import type { Accepted } from '../source/source.ts'
import type { Executor, Outcome } from './executor.ts'
import { finished } from './finish.ts'
import { mergeRecords } from './ledger.ts'
import { type Look, type LookDeps, look } from './look.ts'
import type { StatusStore } from './report.ts'
import { statusesOf } from './status/status.ts'

export interface ReconcileDeps extends LookDeps {
  readonly executor: Executor
  readonly statuses: StatusStore
  readonly log: Logger
  /** The uid of a deleted object ends. */
  readonly finish: (object: Accepted) => Promise<void>
}

/** What one pass came to. */
export interface Pass extends Look {
  /** Milliseconds since the epoch when the next is due although nothing moves. */
  readonly nextAt: number
  /** Objects whose deletion ended in it. */
  readonly finished: number
}

/** One pass: look, write down what was given out, carry the plan on, report. It looks at everything, every time. */
export async function reconcile(
  deps: ReconcileDeps,
  resyncMilliseconds: number,
  signal: AbortSignal,
  /** Told before anything is carried out, so that actions find the objects they are for. */
  onFound: (pass: Pass) => void,
): Promise<Pass> {
  const found = await look(deps, signal)
  const { source, view, mark, base } = found
  onFound({ ...found, nextAt: 0, finished: 0 })
  if (source.hold !== null && source.objects.length === 0) {
    // Nothing could be read of what is wanted: that is no reason to touch anything.
    return { ...found, nextAt: view.now + blindPause, finished: 0 }
  }
  // Addresses, uids and operations taken on stand in the ledger before the first effect that uses them.
  await deps.ledger.change(mergeRecords(base, view.ledger))
  deps.executor.submit(view.plan, mark)
  const unsettled = await settleLedger(deps)
  await deps.statuses.save(statusesOf(view, source.objects, deps.statuses.current))
  const gone = finished(source.objects, view)
  for (const object of gone) await deps.finish(object)
  const due = [
    view.now + resyncMilliseconds,
    ...view.plan.waits.flatMap((wait) => wait.until ?? []),
    ...[...deps.backoff.failures.values()].map((failure) => failure.retryAt),
    ...(source.recheckAt === null ? [] : [source.recheckAt]),
    ...(unsettled ? [view.now + blindPause] : []),
  ]
  return { ...found, nextAt: Math.max(Math.min(...due), view.now + shortestPause), finished: gone.length }
}

/** A disk that takes nothing keeps nobody from being mended; true when it has to be tried again. */
async function settleLedger({ ledger, log }: ReconcileDeps): Promise<boolean> {
  try {
    await ledger.settle()
    return false
  } catch (error) {
    log.warn({ problem: error instanceof Error ? error.message : String(error) }, 'the ledger cannot be written')
    return true
  }
}

/** Pause after a pass that could read nothing of what is wanted, or write nothing down, milliseconds. */
const blindPause = 5_000

/** Two passes that only time asks for are this far apart at least, milliseconds. */
const shortestPause = 50

/** One line for each action that was carried out, or was not. */
export function logOutcome(log: Logger, { action, error, calledBack, took }: Outcome): void {
  const { namespace, name, kind } = action.owner
  const facts = {
    action: action.id,
    because: action.because,
    object: `${kind} ${namespace ? `${namespace}/` : ''}${name}`,
    ms: Math.round(took),
  }
  if (error === null) log.info(facts, 'done')
  else if (calledBack) log.info(facts, 'called back')
  else log.warn({ ...facts, error }, 'failed')
}
