import type { Action, ActionHead, Refusal, Step, Wait } from '../action.ts'
import { digest } from '../digest.ts'
import type { Machine } from '../host-state.ts'

/** What the nouns of a plan write into. */
export interface Draft {
  readonly actions: Action[]
  readonly refusals: Refusal[]
  readonly waits: Wait[]
}

export function emptyDraft(): Draft {
  return { actions: [], refusals: [], waits: [] }
}

/** Adds one action and answers its id. */
export function add(draft: Draft, head: ActionHead, step: Step): string {
  draft.actions.push({ ...head, ...step })
  return head.id
}

/**
 * What an action wants, apart from why, when and after what: two actions of one id and one wish are the same operation.
 */
export function wishOf(action: Action): string {
  const known = wishes.get(action)
  if (known !== undefined) return known
  const wish = wishIn(action)
  wishes.set(action, wish)
  return wish
}

/** An action never changes, and is asked when it is planned, submitted and begun. */
const wishes = new WeakMap<Action, string>()

function wishIn(action: Action): string {
  const { after: _after, because: _because, ...wish } = action
  if (wish.kind === 'stopMachine') return digest({ ...wish, deadline: 0 })
  if (wish.kind === 'startMachine') return digest({ ...wish, machine: madeOf(wish.machine), reason: null })
  if (wish.kind === 'concludeMachine') return digest({ ...wish, crashes: null })
  return digest(wish)
}

/** What its VMM is made of: another strategy, or a reason why it could not start now, calls no start back. */
function madeOf({ runStrategy: _strategy, power: _power, blocked: _blocked, turn: _turn, ...made }: Machine): object {
  return made
}
