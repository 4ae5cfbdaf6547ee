import type { Controller } from '../controller/controller.ts'
import type { Outcome } from '../controller/executor.ts'
import type { Pass } from '../controller/reconcile.ts'
import { problemText } from '../source/problem-text.ts'
import type { Context } from './context.ts'
import { signOf, whose } from './plan-text.ts'
import { progress } from './progress.ts'

/** Milliseconds for all of it. */
const longest = 300_000

/** Passes until nothing moves any more; prints each action; answers what is left, one sentence each. */
export async function converge(
  context: Context,
  controller: Controller,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const until = context.clock.now() + longest
  const line = progress(context)
  const stop = controller.onOutcome((outcome) => {
    line.clear()
    context.out(`${outcomeText(outcome)}\n`)
  })
  try {
    for (;;) {
      const pass = await controller.pass(signal)
      const now = context.clock.now()
      const moving = movingOf(pass, now)
      if (moving.length === 0) return leftOf(pass)
      if (now >= until)
        return [...leftOf(pass), ...moving.map((what) => `not done within ${longest / 1000} s: ${what}`)]
      line.show(moving[0] ?? '')
      const due = Math.min(pass.nextAt, until, pass.source.recheckAt ?? until) - now
      await controller.wakeups.next(context.clock.monotonic() + due, signal)
    }
  } finally {
    line.clear()
    stop()
  }
}

function outcomeText({ action, error, calledBack, took }: Outcome): string {
  const what = `${action.id}  ${whose(action)}`
  if (error !== null) return calledBack ? `~ ${what}: called back` : `! ${what}: ${error}`
  return `${signOf(action)} ${what}: ${action.because} (${Math.round(took)} ms)`
}

/** What will change without anybody's help: actions that are not held back by a failure, and what follows from them. */
export function movingOf({ source, view, finished }: Pass, now: number): readonly string[] {
  const held = new Set<string>()
  for (const { id, after } of view.plan.actions) {
    const failure = view.failures.get(id)
    if ((failure !== undefined && failure.retryAt > now) || after.some((one) => held.has(one))) held.add(id)
  }
  return [
    ...view.observed.inFlight.map(({ id }) => id),
    ...view.plan.actions.filter(({ id }) => !held.has(id)).map(({ id, because }) => `${id}: ${because}`),
    // A neighbour that restarts will be ready, or the time runs out.
    ...view.plan.waits.filter(({ reason }) => reason === 'RestartQueued').map(({ message }) => message),
    ...(finished > 0 ? ['deletions that ended in this pass'] : []),
    ...(source.recheckAt !== null ? ['manifests that have only just changed'] : []),
  ]
}

/** What stays as it is until somebody does something, or until a backoff is over. */
export function leftOf({ source, view }: Pass): readonly string[] {
  return [
    ...(source.hold === null ? [] : [`nothing is taken as deleted: ${source.hold}`]),
    ...source.problems.map(problemText),
    ...[...view.refusals, ...view.plan.refusals].map((one) => `${whose(one)}: ${one.message}`),
    ...view.plan.waits.map((one) => `${whose(one)}: ${one.message}`),
    ...[...view.failures].map(([id, { error }]) => `${id} failed: ${error}`),
  ]
}
