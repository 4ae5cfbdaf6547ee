import type { RuleSetName } from '../../../src/host-state.ts'
import { ruleSetNames, setDefinitions } from '../../../src/world/linux/net/nft-sets.ts'
import type { Outcomes } from '../../../src/world/linux/net/outcome.ts'
import type { NetOperation, RuleElements } from '../../../src/world/net.ts'
import { noSuchFile, type Tables, Transaction } from './net-rules.ts'

/** The operations that are one transaction. */
export type RuleOperation = Extract<NetOperation, { op: 'replaceRules' | 'changeRules' | 'removeRules' }>

/** Operations with their places in the commit. */
export type Placed<Operation> = readonly (readonly [place: number, operation: Operation])[]

type Step =
  | { readonly place: number; readonly verb: 'renew' | 'drop' }
  | { readonly place: number; readonly verb: 'add' | 'delete'; readonly set: RuleSetName; readonly element: string }

/** Why it is refused as a whole (`all`), or single operations of it; null when it is not. */
export interface RuleFaults {
  readonly all: () => string | null
  readonly one: (operation: NetOperation) => string | null
}

/**
 * The tables after one transaction, as src/world/linux/net/rules.ts has it: elements at fault are left out, the rest
 * holds. null when nothing was committed.
 */
export function commitRules(
  tables: Tables,
  operations: Placed<RuleOperation>,
  faults: RuleFaults,
  outcomes: Outcomes,
): Tables | null {
  const steps: Step[] = []
  for (const [place, operation] of operations) pushSteps(steps, place, operation, outcomes)
  if (steps.length === 0) return null
  const refused = faults.all() ?? refusedText(operations, faults)
  if (refused !== null) return failAll(steps, refused, outcomes)
  const bad = new Map(operations.map(([place, operation]) => [place, faults.one(operation)] as const))
  const whole = new Transaction(tables)
  if (steps.every((step) => (bad.get(step.place) ?? carryOut(whole, step)) === null)) return whole.tables
  return leaveOutTheBad(tables, steps, bad, outcomes)
}

/** Text stands or falls with the whole. */
function refusedText(operations: Placed<RuleOperation>, faults: RuleFaults): string | null {
  for (const [, operation] of operations) {
    const words = operation.op === 'changeRules' ? null : faults.one(operation)
    if (words !== null) return words
  }
  return null
}

function leaveOutTheBad(
  tables: Tables,
  steps: readonly Step[],
  bad: ReadonlyMap<number, string | null>,
  outcomes: Outcomes,
): Tables | null {
  const bare = steps.every((step) => 'set' in step)
  if (bare && (tables.bridge === null || tables.inet === null)) return failAll(steps, noSuchFile, outcomes)
  const rest = new Transaction(tables)
  let good = 0
  for (const step of steps) {
    const words = bad.get(step.place) ?? carryOut(rest, step)
    if (words === null) good += 1
    if (words === null || !('set' in step) || (step.verb === 'delete' && words === noSuchFile)) continue
    const { place, verb, set, element } = step
    outcomes.fail(place, `"${element}" cannot be ${verb === 'add' ? 'added to' : 'removed from'} ${set}: ${words}`)
  }
  return good === 0 ? null : rest.tables
}

function carryOut(transaction: Transaction, step: Step): string | null {
  switch (step.verb) {
    case 'renew':
      transaction.renew()
      return null
    case 'drop':
      transaction.drop()
      return null
    case 'add':
      return transaction.add(step.set, step.element)
    case 'delete':
      return transaction.delete(step.set, step.element)
  }
}

function pushSteps(steps: Step[], place: number, operation: RuleOperation, outcomes: Outcomes): void {
  const push = (verb: 'add' | 'delete', sets: RuleElements) => {
    for (const set of ruleSetNames) {
      const { accepts, form } = setDefinitions[set]
      for (const element of sets[set] ?? []) {
        if (accepts(element)) steps.push({ place, verb, set, element })
        else outcomes.fail(place, `"${element}" cannot be in ${set}; write it as ${form}`)
      }
    }
  }
  if (operation.op === 'removeRules') {
    steps.push({ place, verb: 'drop' })
  } else if (operation.op === 'replaceRules') {
    steps.push({ place, verb: 'renew' })
    push('add', operation.sets)
  } else {
    push('delete', operation.remove)
    push('add', operation.add)
  }
}

function failAll(steps: readonly Step[], words: string, outcomes: Outcomes): null {
  const refused = `nft refuses our tables: ${words}; see \`nft list tables\``
  for (const place of new Set(steps.map((step) => step.place))) outcomes.fail(place, refused)
  return null
}
