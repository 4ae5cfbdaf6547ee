import { z } from 'zod'
import { halfOfTables, type RuleSetName, type RuleSets } from '../../../host-state.ts'
import type { RootIdentity } from '../../../ledger.ts'
import { tableName } from './nft-chains.ts'
import { digestItems, type Item } from './nft-digest.ts'
import { emptySets, ruleSetNames, setDefinitions } from './nft-sets.ts'

/** What is there of our tables, and the base chains of others that drop forwarded packets. */
export interface Listing {
  /** Digest of everything in our tables but the elements of our sets; see ObservedRules. */
  readonly chains: string | null
  readonly sets: RuleSets
  /** As `family table chain`. */
  readonly foreign: readonly string[]
}

const document = z.object({ nftables: z.array(z.record(z.string(), z.unknown())) })
const table = z.object({ family: z.string(), name: z.string() })
const chain = z.object({
  family: z.string(),
  table: z.string(),
  name: z.string(),
  hook: z.string(),
  policy: z.string(),
})
const set = z.looseObject({ family: z.string(), name: z.string(), elem: z.array(z.unknown()).optional() })

/** Families whose forward hook a guest's packets pass. */
const forwarding = ['ip', 'inet', 'bridge']

/**
 * Reads what nft(8) printed for `list table` of our tables and for `list chains` in JSON, a document a line; a missing
 * table has no document. Throws a sentence when it is not that.
 */
export function parseListing(root: RootIdentity, stdout: string): Listing {
  const documents = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map(parseDocument)
  const bridge = documents.find((items) => items.some(isTable('bridge', root)))
  const inet = documents.find((items) => items.some(isTable('inet', root)))
  const others = documents.find((items) => items !== bridge && items !== inet)
  if (others === undefined) throw new Error('nft listed no chains; see whether `nft -j list chains` works here')
  try {
    const { sets, rest } = takeElements([...(bridge ?? []), ...(inet ?? [])])
    const there = [bridge, inet].filter((items) => items !== undefined).length
    const chains = there === 2 ? digestItems(rest) : there === 1 ? halfOfTables : null
    return { chains, sets, foreign: others.flatMap((item) => dropping(item, root)) }
  } catch (cause) {
    // Elements and objects have many shapes; one that is none of them ends somewhere in between.
    throw unreadable(cause)
  }
}

function parseDocument(line: string): readonly Item[] {
  try {
    return document.parse(JSON.parse(line)).nftables
  } catch (cause) {
    throw unreadable(cause)
  }
}

function unreadable(cause: unknown): Error {
  return new Error('nft printed something that is no listing in JSON; see whether this version is supported', { cause })
}

function isTable(family: 'bridge' | 'inet', root: RootIdentity): (item: Item) => boolean {
  return (item) => {
    const found = table.safeParse(item.table)
    return found.success && found.data.family === family && found.data.name === tableName(root)
  }
}

/** Elements that we could have written go to their sets; all else stays, to be digested: it is a change by others. */
function takeElements(items: readonly Item[]): { sets: RuleSets; rest: readonly Item[] } {
  const sets: Record<RuleSetName, readonly string[]> = { ...emptySets }
  const rest = items.map((item) => {
    const found = set.safeParse(item.set)
    const name = found.success && ruleSetNames.find((key) => isDefinition(key, found.data))
    if (!name) return item
    const { elem = [], ...definition } = found.data
    const texts: string[] = []
    const strange: unknown[] = []
    for (const raw of elem) {
      const text = canonical(name, readElement(raw))
      if (setDefinitions[name].accepts(text)) texts.push(text)
      else strange.push(raw)
    }
    sets[name] = texts.sort()
    return { set: { ...definition, strange } }
  })
  return { sets, rest }
}

function isDefinition(key: RuleSetName, { family, name }: { family: string; name: string }): boolean {
  return setDefinitions[key].family === family && setDefinitions[key].name === name
}

/** Empty for anything that is no element of ours, as one with a timeout, a counter or a comment, which is wrapped. */
function readElement(raw: unknown): string {
  if (typeof raw === 'string') return raw
  if (typeof raw !== 'object' || raw === null) return ''
  if ('concat' in raw) return Array.isArray(raw.concat) ? raw.concat.join(' . ') : ''
  if ('prefix' in raw) {
    const { addr, len } = raw.prefix as { addr?: unknown; len?: unknown }
    return `${addr}/${len}`
  }
  return ''
}

function canonical(name: RuleSetName, text: string): string {
  return setDefinitions[name].flags === 'interval' && !text.includes('/') ? `${text}/32` : text
}

function dropping(item: Item, root: RootIdentity): readonly string[] {
  const found = chain.safeParse(item.chain)
  if (!found.success || found.data.table === tableName(root)) return []
  const { family, table, name, hook, policy } = found.data
  return hook === 'forward' && policy === 'drop' && forwarding.includes(family) ? [`${family} ${table} ${name}`] : []
}
