import type { Action } from '../action.ts'

/**
 * The same actions in an order in which each stands behind everything it is `after`; otherwise as they were. An id in
 * `after` that is not in the plan is already true and is dropped.
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
  for (const action of actions) visit(action)
  return sorted
}
