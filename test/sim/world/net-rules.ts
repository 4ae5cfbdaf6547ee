import { bounds, parseCidr } from '../../../src/cidr.ts'
import { halfOfTables, type ObservedRules, type RuleSetName, type RuleSets } from '../../../src/host-state.ts'
import { emptySets, ruleSetNames, setDefinitions } from '../../../src/world/linux/net/nft-sets.ts'

type Family = 'bridge' | 'inet'

/** First and last address of an interval; null in sets that have none. */
type Interval = { readonly first: number; readonly last: number } | null

/** A table of ours; `altered` is 0 while its chains are as we loaded them. */
export interface Table {
  readonly altered: number
  readonly sets: ReadonlyMap<RuleSetName, ReadonlyMap<string, Interval>>
}

/** Our two tables; null where one is not there. */
export type Tables = Readonly<Record<Family, Table | null>>

export const noTables: Tables = { bridge: null, inet: null }

const emptySet: ReadonlyMap<string, Interval> = new Map()
const emptyTable: Table = { altered: 0, sets: new Map() }

/** Words of nft(8) for what has no table. */
export const noSuchFile = 'No such file or directory'

/** What is asked of a transaction; it is thrown away or becomes the tables. */
export class Transaction {
  #tables: Tables
  /** Sets that were copied for this transaction and may be written. */
  readonly #own = new Map<RuleSetName, Map<string, Interval>>()

  constructor(tables: Tables) {
    this.#tables = tables
  }

  /** What it comes to: the same value when it changes nothing. */
  get tables(): Tables {
    return this.#tables
  }

  /** Both tables anew, with empty sets. */
  renew(): void {
    this.#own.clear()
    this.#tables = { bridge: emptyTable, inet: emptyTable }
  }

  drop(): void {
    this.#own.clear()
    this.#tables = noTables
  }

  /** What nft says, null when it holds; an element that is there is added again. */
  add(set: RuleSetName, element: string): string | null {
    const elements = this.#read(set)
    if (elements === null) return noSuchFile
    if (elements.has(element)) return null
    const interval = setDefinitions[set].flags === 'interval' ? bounds(parseCidr(element)!) : null
    if (interval !== null) {
      for (const other of elements.values()) {
        if (other !== null && interval.first <= other.last && other.first <= interval.last) {
          return 'interval overlaps with an existing one'
        }
      }
    }
    this.#write(set, elements).set(element, interval)
    return null
  }

  delete(set: RuleSetName, element: string): string | null {
    const elements = this.#read(set)
    if (!elements?.has(element)) return noSuchFile
    this.#write(set, elements).delete(element)
    return null
  }

  /** null without its table. */
  #read(set: RuleSetName): ReadonlyMap<string, Interval> | null {
    const own = this.#own.get(set)
    if (own !== undefined) return own
    const table = this.#tables[setDefinitions[set].family]
    return table === null ? null : (table.sets.get(set) ?? emptySet)
  }

  #write(set: RuleSetName, elements: ReadonlyMap<string, Interval>): Map<string, Interval> {
    const { family } = setDefinitions[set]
    const own = this.#own.get(set)
    if (own !== undefined) return own
    const table = this.#tables[family]!
    const copy = new Map(elements)
    this.#own.set(set, copy)
    this.#tables = { ...this.#tables, [family]: { ...table, sets: new Map(table.sets).set(set, copy) } }
    return copy
  }
}

/** What a dump shows of our tables and of others'. */
export function observe(tables: Tables, reference: string, foreign: readonly string[]): ObservedRules {
  const { bridge, inet } = tables
  return { chains: chainsOf(bridge, inet, reference), reference, sets: setsOf(tables), foreign }
}

function chainsOf(bridge: Table | null, inet: Table | null, reference: string): string | null {
  if (bridge === null && inet === null) return null
  if (bridge === null || inet === null) return halfOfTables
  const altered = [bridge.altered, inet.altered]
  return altered.every((each) => each === 0) ? reference : `${reference} altered ${altered.join('.')}`
}

function setsOf(tables: Tables): RuleSets {
  const sets: Record<RuleSetName, readonly string[]> = { ...emptySets }
  for (const name of ruleSetNames) {
    const elements = tables[setDefinitions[name].family]?.sets.get(name)
    if (elements !== undefined && elements.size > 0) sets[name] = sorted(elements)
  }
  return sets
}

/** Sets are not written any more once they are in the tables. */
const sortedSets = new WeakMap<ReadonlyMap<string, Interval>, readonly string[]>()

function sorted(elements: ReadonlyMap<string, Interval>): readonly string[] {
  let list = sortedSets.get(elements)
  if (list === undefined) {
    list = [...elements.keys()].sort()
    sortedSets.set(elements, list)
  }
  return list
}
