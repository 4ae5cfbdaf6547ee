import type { RuleSetName } from '../../../host-state.ts'
import type { RootIdentity } from '../../../ledger.ts'
import type { NetOperation, RuleElements } from '../../net.ts'
import { tableName, tablesText } from './nft-chains.ts'
import { ruleSetNames, setDefinitions } from './nft-sets.ts'

/** The operations that are one transaction of nft(8). */
export type RuleOperation = Extract<NetOperation, { op: 'replaceRules' | 'changeRules' | 'removeRules' }>

/** A piece of a transaction; `operation` is the index of the operation it serves. */
export type RuleStep = RuleText | RuleElement

/** Text that stands or falls with the whole. */
export interface RuleText {
  readonly operation: number
  readonly text: string
}

/** One element, which can be left out when it is at fault. */
export interface RuleElement {
  readonly operation: number
  readonly verb: 'add' | 'delete'
  readonly set: RuleSetName
  readonly element: string
}

/**
 * Makes our tables absent, whether they are there or not: `destroy` would, since nft 1.0.8, and Debian 12 has 1.0.6.
 */
export function dropTables(root: RootIdentity): string {
  return (['bridge', 'inet'] as const)
    .map((family) => `table ${family} ${tableName(root)} {}\ndelete table ${family} ${tableName(root)}\n`)
    .join('')
}

/** What an operation comes to, in the order in which it has to happen. */
export function stepsOf(root: RootIdentity, operation: number, rules: RuleOperation): readonly RuleStep[] {
  switch (rules.op) {
    case 'removeRules':
      return [{ operation, text: dropTables(root) }]
    case 'replaceRules':
      return [{ operation, text: dropTables(root) + tablesText(root) }, ...elements(operation, 'add', rules.sets)]
    case 'changeRules':
      // Removals first: a subnet may make room for a wider one.
      return [...elements(operation, 'delete', rules.remove), ...elements(operation, 'add', rules.add)]
  }
}

/** The input of `nft -f -`: neighbors that do the same to the same set share a command. */
export function renderSteps(root: RootIdentity, steps: readonly RuleStep[]): string {
  const pieces: (string | { readonly head: string; readonly elements: string[] })[] = []
  for (const step of steps) {
    if ('text' in step) {
      pieces.push(step.text)
      continue
    }
    const set = setDefinitions[step.set]
    const head = `${step.verb} element ${set.family} ${tableName(root)} ${set.name}`
    const last = pieces.at(-1)
    const element = quoteLink(step.set, step.element)
    if (typeof last === 'object' && last.head === head) last.elements.push(element)
    else pieces.push({ head, elements: [element] })
  }
  return pieces
    .map((piece) => (typeof piece === 'string' ? piece : `${piece.head} { ${piece.elements.join(', ')} }\n`))
    .join('')
}

/** Fails, and changes nothing, unless both tables are there: the head of a trial of elements alone. */
export function probeText(root: RootIdentity): string {
  return `add chain bridge ${tableName(root)} guard\nadd chain inet ${tableName(root)} host\n`
}

function elements(operation: number, verb: RuleElement['verb'], sets: RuleElements): readonly RuleElement[] {
  return ruleSetNames.flatMap((set) => (sets[set] ?? []).map((element) => ({ operation, verb, set, element })))
}

/** Interface names are quoted, since `ip` and `all` are names as well as words of nft(8). */
function quoteLink(set: RuleSetName, element: string): string {
  if (!setDefinitions[set].type.startsWith('ifname')) return element
  return element.replace(/^\S+/, '"$&"')
}
