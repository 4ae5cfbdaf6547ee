import type { Plan } from '../../src/action.ts'
import type { AnyObject } from '../../src/api/kinds.ts'
import type { Controlled } from '../../src/controller/control.ts'
import type { PassEnd } from '../../src/controller/controller.ts'
import { newEvents } from '../../src/controller/events.ts'
import type { Outcome } from '../../src/controller/executor.ts'
import type { Measured } from '../../src/controller/metrics.ts'
import type { Pass } from '../../src/controller/reconcile.ts'
import type { Status } from '../../src/controller/status/status.ts'
import type { ObservedMachine } from '../../src/host-state.ts'
import { linuxClock } from '../../src/world/linux/clock.ts'
import { never, type Stage } from '../source/stage.ts'

/** What the host part of a pass says; everything else comes from a real source. */
export interface FakeHost {
  plan: Plan
  machines: ObservedMachine[]
  /** Of machines that should be there. */
  wanted: { runStrategy: 'Always' | 'Halted'; power: 'on' | 'off' }[]
  failures: Map<string, { owner: string; wish: string; count: number; retryAt: number; error: string }>
  statuses(object: AnyObject): Status | undefined
}

/** A controller over a directory source in memory, whose host is a value: for whatever only looks at controllers. */
export class FakeController {
  readonly stage: Stage
  readonly host: FakeHost = {
    plan: { actions: [], refusals: [], waits: [] },
    machines: [],
    wanted: [],
    failures: new Map(),
    statuses: () => undefined,
  }
  readonly woken: string[] = []
  readonly value: Controlled & Measured
  readonly #changes = new Set<() => void>()
  readonly #passes = new Set<(end: PassEnd) => void>()
  readonly #outcomes = new Set<(outcome: Outcome) => void>()
  #statuses = new Map<string, Status>()
  #last: Pass | null = null

  constructor(stage: Stage) {
    this.stage = stage
    const self = this
    const value = {
      source: stage.source,
      statuses: {
        get current() {
          return self.#statuses
        },
      },
      events: newEvents(),
      wakeups: {
        wake: (why: string) => {
          this.woken.push(why)
          void this.pass()
        },
      },
      get last() {
        return self.#last
      },
      options: { world: { clock: linuxClock() }, config: { resyncSeconds: 60 } },
      onChange: (listener: () => void) => subscribe(this.#changes, listener),
      onPass: (listener: (end: PassEnd) => void) => subscribe(this.#passes, listener),
      onOutcome: (listener: (outcome: Outcome) => void) => subscribe(this.#outcomes, listener),
      look: async () => this.#last,
      put: (objects: readonly AnyObject[], signal: AbortSignal) => stage.source.put(objects, signal),
      delete: (keys: readonly string[], signal: AbortSignal) => stage.source.delete(keys, signal),
    }
    this.value = value as unknown as Controlled & Measured
  }

  async pass(error: string | null = null, took = 5): Promise<void> {
    const source = await this.stage.source.list(never)
    const { plan, machines, wanted, failures } = this.host
    const view = { plan, refusals: [], failures, observed: { machines }, state: { machines: wanted } }
    this.#last = { source, view, nextAt: 1, finished: 0 } as unknown as Pass
    const next = new Map<string, Status>()
    for (const { key, object } of source.objects) {
      const status = this.host.statuses(object)
      const old = this.#statuses.get(key)
      if (status) next.set(key, JSON.stringify(old) === JSON.stringify(status) && old ? old : status)
    }
    this.#statuses = next
    for (const listener of [...this.#passes]) listener({ took, error })
    for (const listener of [...this.#changes]) listener()
  }

  outcome(outcome: Outcome): void {
    for (const listener of this.#outcomes) listener(outcome)
  }

  get listeners(): number {
    return this.#changes.size
  }
}

function subscribe<T>(set: Set<T>, listener: T): () => void {
  set.add(listener)
  return () => void set.delete(listener)
}
