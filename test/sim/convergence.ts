import type { Action } from '../../src/action.ts'
import { wishOf } from '../../src/plan/draft.ts'
import type { SimHost } from './host.ts'

/**
 * How a controller comes to rest once nothing fails any more (I13). Counted are its *turns*: passes whose plan asks for
 * something that the plan before did not. A plan is the whole way to convergence, so that most passes only see it being
 * carried out; those are none. Neither is what the plan before said it waits for (a pause between crashes, another VM
 * that is to be ready first, a guest's time to go), or that a manifest's absence has to last before it counts: a wait has a
 * deadline of its own and takes no decision.
 */
export class Convergence {
  readonly #host: SimHost
  #seen: unknown = null
  #planned: ReadonlySet<string> = new Set()
  #waited: ReadonlySet<string> = new Set()
  /** The pass before said that it looks again when what is absent has been so for long enough. */
  #settling = false
  #turns: string[] = []
  #passes = 0

  constructor(host: SimHost) {
    this.#host = host
  }

  /** The last fault is over: turns are counted from here. */
  begin(): void {
    this.#turns = []
    this.#passes = 0
  }

  /** What each turn since then asked for. */
  get turns(): readonly string[] {
    return this.#turns
  }

  /** Passes of any kind since then. */
  get passes(): number {
    return this.#passes
  }

  /** After each step. */
  look(): void {
    const last = this.#host.controller?.last
    if (!last || last.view === this.#seen) return
    this.#seen = last.view
    this.#passes += 1
    const { actions, waits } = last.view.plan
    const planned = new Set(actions.map(wordOf))
    const { recheckAt } = last.source
    const fresh = this.#settling
      ? []
      : actions.filter((action) => !this.#planned.has(wordOf(action)) && !this.#waited.has(keyOf(action)))
    this.#planned = planned
    this.#settling = recheckAt !== null
    this.#waited = new Set(waits.map(keyOf))
    if (fresh.length > 0) this.#turns.push(fresh.map(({ id, because }) => `${id} (${because})`).join(', '))
  }
}

function wordOf(action: Action): string {
  return `${action.id} ${wishOf(action)}`
}

function keyOf({ owner }: Pick<Action, 'owner'>): string {
  return `${owner.kind}/${owner.namespace}/${owner.name}`
}
