import type { Action } from '../action.ts'

/** What is built up stands before what uses it, where no edge says more: so a plan reads as it will be carried out. */
const ranks: readonly Action['kind'][] = [
  'createVolume',
  'attachVolume',
  'ensureBridge',
  'ensureTap',
  'ensureRules',
  'setForwarding',
]

/**
 * The same actions in an order in which each stands behind everything it is `after`. An id in `after` that is not in the
 * plan is already true and is dropped.
 */
export function sortByNeeds(actions: readonly Action[]): readonly Action[] {
  const byId = new Map(actions.map((action) => [action.id, action]))
  const sorted: Action[] = []
  const state = new Map<string, 'open' | 'done'>()
  const visit = (action: Action): void => {
    if (state.has(action.id)) return
    state.set(action.id, 'open')
    const after = [...new Set(action.after)].filter((id) => byId.has(id) && id !== action.id)
    for (const id of after) visit(byId.get(id)!)
    state.set(action.id, 'done')
    sorted.push({ ...action, after })
  }
  const rank = ({ kind }: Action) => (ranks.includes(kind) ? ranks.indexOf(kind) : ranks.length)
  for (const action of actions.toSorted((a, b) => rank(a) - rank(b))) visit(action)
  return sorted
}
