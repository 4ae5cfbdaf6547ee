import PQueue from 'p-queue'
import type { Action, Plan } from '../action.ts'
import type { InFlight } from '../host-state.ts'
import { wishOf } from '../plan/draft.ts'
import type { Clock } from '../world/clock.ts'
import { withDeadline } from '../world/deadline.ts'
import type { Backoff } from './backoff.ts'

/** What carries actions out. Each call throws, or answers an error, when its action does not hold. */
export interface Hands {
  /** All network actions that are ready at once; one answer for each, in order, null for success. */
  network(actions: readonly Action[], signal: AbortSignal): Promise<readonly (string | null)[]>
  act(action: Action, signal: AbortSignal): Promise<void>
}

export interface Outcome {
  readonly action: Action
  readonly error: string | null
  /** A newer plan did not ask for it any more; `error` says so, and it is no failure. */
  readonly calledBack: boolean
  /** Milliseconds it took. */
  readonly took: number
}

export interface Executor {
  /** A moment; taken before the host is looked at and given with the plan that came of it. */
  mark(): number
  /**
   * Takes a newer plan: what is under way and still wanted goes on, the rest is called back. What ended since `mark` is
   * left for the next plan, since this one did not see its effect.
   */
  submit(plan: Plan, mark: number): void
  inFlight(): readonly InFlight[]
  /** Resolves when nothing is under way. */
  idle(): Promise<void>
  /** Calls everything back and waits for it. */
  close(): Promise<void>
}

interface Operation {
  readonly action: Action
  readonly wish: string
  readonly abort: AbortController
  /** The moment, see {@link Executor.mark}. */
  readonly begunAt: number
}

const networkKinds: ReadonlySet<Action['kind']> = new Set([
  'setForwarding',
  'ensureBridge',
  'ensureTap',
  'removeLink',
  'ensureRules',
  'removeRules',
])

const diskKinds: ReadonlySet<Action['kind']> = new Set(['deleteVolume', 'createVolume', 'attachVolume'])

/** Longest that anything but a stop may take, milliseconds. */
const longest = 90_000

/**
 * Carries a plan out along its edges: network actions in one host lane, batched as they become ready; each machine's
 * actions one at a time; starts as many at a time as there are processors. It decides nothing: what failed is reported,
 * what stood behind it is left for the next plan.
 */
export function newExecutor(deps: {
  readonly hands: Hands
  readonly clock: Clock
  readonly backoff: Backoff
  readonly starts: number
  /** Called after each action. */
  readonly onOutcome: (outcome: Outcome) => void
  /** Called when it is worth looking again: all is done, or something failed. */
  readonly onSettled: () => void
}): Executor {
  const { hands, clock, backoff } = deps
  const lanes = {
    host: new PQueue({ concurrency: 1 }),
    starts: new PQueue({ concurrency: deps.starts }),
    rest: new PQueue({ concurrency: 32 }),
  }
  const running = new Map<string, Operation>()
  let waiting = new Map<string, Action>()
  let failed = new Set<string>()
  let hostBusy = false
  let closed = false
  let moment = 0
  const endedAt = new Map<string, number>()

  const submit = (plan: Plan, mark: number) => {
    if (closed) return
    const wishes = new Map(plan.actions.map((action) => [action.id, wishOf(action)]))
    const sawItsEnd = (key: string | null) => key === null || (endedAt.get(key) ?? 0) <= mark
    for (const [id, operation] of running) {
      // A plan that did not see it begin, or not what ended before it, has no say.
      if (operation.begunAt > mark || !sawItsEnd(machineOf(operation.action))) continue
      if (wishes.get(id) !== operation.wish && isLong(operation.action)) {
        operation.abort.abort(new Error('a newer plan does not ask for it'))
      }
    }
    backoff.keep(new Set(wishes.keys()))
    failed = new Set()
    waiting = new Map()
    let stale = false
    for (const action of plan.actions) {
      if (running.has(action.id)) continue
      if (!sawItsEnd(action.id) || !sawItsEnd(machineOf(action))) {
        stale = true
        failed.add(action.id)
        continue
      }
      if (backoff.holds(action.id, wishes.get(action.id)!, clock.now())) failed.add(action.id)
      else waiting.set(action.id, action)
    }
    dropBeforePauses(plan.actions)
    for (const [key, at] of endedAt) if (at <= mark) endedAt.delete(key)
    dispatch()
    if (stale) deps.onSettled()
  }

  const dispatch = () => {
    dropBehindFailures()
    const ready = [...waiting.values()].filter((action) => isReady(action))
    if (!hostBusy) {
      const network = networkBatch()
      if (network.length > 0) void runNetwork(network)
    }
    const taken = new Set([...running.values()].map(({ action }) => machineOf(action)))
    for (const action of ready) {
      const machine = machineOf(action)
      if (networkKinds.has(action.kind) || (machine !== null && taken.has(machine))) continue
      taken.add(machine)
      void runOne(action)
    }
  }

  const dropBehindFailures = () => {
    for (const action of [...waiting.values()]) {
      if (!action.after.some((id) => failed.has(id))) continue
      failed.add(action.id)
      waiting.delete(action.id)
    }
  }

  /** A disk is made right before its start: while that pauses it would be made anew in every pass. */
  const dropBeforePauses = (actions: readonly Action[]) => {
    for (const { id, kind } of actions.toReversed()) {
      if (!diskKinds.has(kind) || !waiting.has(id)) continue
      const behind = actions.filter(({ after }) => after.includes(id))
      if (behind.length === 0 || !behind.every((action) => failed.has(action.id))) continue
      failed.add(id)
      waiting.delete(id)
    }
  }

  const isReady = (action: Action, besides?: ReadonlySet<string>) =>
    !action.after.some((id) => (waiting.has(id) && !besides?.has(id)) || running.has(id))

  /** What the network can do in one commit: it keeps to the order given, so a need may stand in the same batch. */
  const networkBatch = (): readonly Action[] => {
    const batch = new Set<string>()
    for (const action of waiting.values()) {
      if (networkKinds.has(action.kind) && isReady(action, batch)) batch.add(action.id)
    }
    return [...batch].map((id) => waiting.get(id)!)
  }

  const begin = (action: Action): Operation => {
    waiting.delete(action.id)
    moment += 1
    const operation = { action, wish: wishOf(action), abort: new AbortController(), begunAt: moment }
    running.set(action.id, operation)
    return operation
  }

  const finish = (operation: Operation, error: string | null, took: number) => {
    const { action, wish, abort } = operation
    running.delete(action.id)
    moment += 1
    for (const key of [action.id, machineOf(action)]) if (key !== null) endedAt.set(key, moment)
    if (error === null) backoff.succeed(action.id)
    else {
      failed.add(action.id)
      if (!abort.signal.aborted) backoff.fail(action.id, wish, keyOf(action), error, clock.now())
    }
    deps.onOutcome({ action, error, calledBack: error !== null && abort.signal.aborted, took })
  }

  const settle = (anyFailed: boolean) => {
    if (!closed) dispatch()
    if (anyFailed || (running.size === 0 && waiting.size === 0)) deps.onSettled()
  }

  const runNetwork = async (actions: readonly Action[]) => {
    hostBusy = true
    const operations = actions.map(begin)
    const from = clock.monotonic()
    const errors = await lanes.host
      .add(() => withDeadline(clock, longest, null, (signal) => hands.network(actions, signal)))
      .catch((error: unknown) => actions.map(() => say(error)))
    hostBusy = false
    const took = clock.monotonic() - from
    for (const [index, operation] of operations.entries()) finish(operation, errors[index] ?? null, took)
    settle(errors.some((error) => error !== null))
  }

  const runOne = async (action: Action) => {
    const operation = begin(action)
    const lane = action.kind === 'startMachine' ? lanes.starts : lanes.rest
    let from = clock.monotonic()
    const error = await lane
      .add(() => {
        from = clock.monotonic()
        operation.abort.signal.throwIfAborted()
        const limit = limitOf(action, clock.now())
        return withDeadline(clock, limit, operation.abort.signal, (signal) => hands.act(action, signal))
      })
      .then(() => null, say)
    finish(operation, error, clock.monotonic() - from)
    settle(error !== null)
  }

  const idle = async () => {
    while (running.size > 0) await Promise.all([lanes.host.onIdle(), lanes.starts.onIdle(), lanes.rest.onIdle()])
  }
  return {
    mark: () => moment,
    submit,
    idle,
    inFlight: () => [...running.values()].map(({ action, wish }) => flightOf(action, wish)),
    async close() {
      closed = true
      waiting.clear()
      for (const operation of running.values()) operation.abort.abort(new Error('the controller ends'))
      await idle()
    },
  }
}

/** Only these take long enough to be worth calling back. */
function isLong(action: Action): boolean {
  return action.kind === 'startMachine' || action.kind === 'stopMachine'
}

function limitOf(action: Action, now: number): number {
  return action.kind === 'stopMachine' ? Math.max(0, action.deadline - now) + 20_000 : longest
}

/** The lane of a machine's action; null for one that concerns none. */
function machineOf(action: Action): string | null {
  if (action.kind === 'startMachine') return action.machine.uid
  if (action.kind === 'createVolume' || action.kind === 'attachVolume') return action.volume.holder
  return 'uid' in action ? action.uid : null
}

function flightOf(action: Action, wish: string): InFlight {
  const deadline = action.kind === 'stopMachine' ? action.deadline : null
  return { id: action.id, digest: wish, kind: action.kind, machine: machineOf(action), deadline }
}

function say(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function keyOf({ owner }: Action): string {
  return `${owner.kind}/${owner.namespace}/${owner.name}`
}
