import { overlaps, parseCidr } from '../cidr.ts'
import { type HostState, halfOfTables, type Observed, type RuleSetName, type RuleSets } from '../host-state.ts'
import { add, type Draft } from './draft.ts'
import { host } from './network.ts'

/** Every set, in a fixed order. */
export const ruleSetNames = [
  'portMacs',
  'portAddresses',
  'portUnfiltered',
  'portIPv6',
  'portIsolated',
  'gateways',
  'hostServices',
  'hostOpen',
  'outbound',
  'inbound',
  'peers',
  'masquerade',
] as const satisfies readonly RuleSetName[]

export const emptyRuleSets: RuleSets = Object.fromEntries(ruleSetNames.map((name) => [name, []])) as unknown as RuleSets

/** What still carries traffic of machines that are going, and the actions after which it does not. */
export interface Lingering {
  /** First words of the elements (links, subnets) that must outlive their machine. */
  readonly names: ReadonlySet<string>
  /** The same for machines that nobody speaks of: theirs are not touched at all. */
  readonly staying: ReadonlySet<string>
  /** Ids after which the first are gone. */
  readonly until: readonly string[]
}

/**
 * Our rules: at most one transaction now, and one after the last machine that goes has gone. Answers the id of the
 * first, null when nothing is to be done.
 */
export function planRules(draft: Draft, desired: HostState, observed: Observed, lingering: Lingering): string | null {
  const { chains, reference, sets } = observed.rules
  if (!desired.rules && lingering.staying.size === 0) return removeWhenUnused(draft, observed, lingering)
  const intact = chains === reference
  const final = keep(desired.rules ?? emptyRuleSets, sets, lingering.staying)
  const wanted = withoutOverlaps(keep(final, sets, lingering.names), sets)
  let now: string | null = null
  if (!intact) {
    now = add(
      draft,
      {
        id: 'ensureRules',
        owner: host,
        after: [],
        because: chains === null || chains === halfOfTables ? 'tables missing' : 'chains were changed',
      },
      { kind: 'ensureRules', change: { mode: 'replace', sets: wanted } },
    )
  } else {
    const change = difference(wanted, sets)
    if (change) {
      now = add(
        draft,
        { id: 'ensureRules', owner: host, after: [], because: say(change) },
        { kind: 'ensureRules', change: { mode: 'elements', ...change } },
      )
    }
  }
  const later = difference(final, wanted)
  if (later) {
    const after = now ? [now, ...lingering.until] : lingering.until
    add(
      draft,
      { id: 'ensureRules/after', owner: host, after, because: say(later) },
      { kind: 'ensureRules', change: { mode: 'elements', ...later } },
    )
  }
  return now
}

function removeWhenUnused(draft: Draft, observed: Observed, lingering: Lingering): string | null {
  if (observed.rules.chains === null) return null
  const after = [
    ...lingering.until,
    ...draft.actions.filter((action) => action.kind === 'removeLink').map(({ id }) => id),
  ]
  return add(draft, { id: 'removeRules', owner: host, after, because: 'no network is left' }, { kind: 'removeRules' })
}

function keep(desired: RuleSets, observed: RuleSets, names: ReadonlySet<string>): RuleSets {
  if (names.size === 0) return desired
  const kept = ruleSetNames.map((name) => {
    const held = observed[name].filter((element) => names.has(element.split(' . ')[0]!))
    return [name, [...new Set([...desired[name], ...held])].sort()]
  })
  return Object.fromEntries(kept) as RuleSets
}

/** A subnet cannot be added while one that overlaps it is still there for a machine that goes: it follows with the rest. */
function withoutOverlaps(wanted: RuleSets, observed: RuleSets): RuleSets {
  const there = observed.masquerade.filter((subnet) => wanted.masquerade.includes(subnet))
  const masquerade = wanted.masquerade.filter(
    (subnet) => there.includes(subnet) || !there.some((other) => overlaps(parseCidr(subnet)!, parseCidr(other)!)),
  )
  return { ...wanted, masquerade }
}

/** What to add to and take from `from` to make it `to`; null when they are equal. */
export function difference(to: RuleSets, from: RuleSets): { add: Partial<RuleSets>; remove: Partial<RuleSets> } | null {
  const change = { add: {} as Record<string, string[]>, remove: {} as Record<string, string[]> }
  for (const name of ruleSetNames) {
    const have = new Set(from[name])
    const want = new Set(to[name])
    const missing = to[name].filter((element) => !have.has(element))
    const surplus = from[name].filter((element) => !want.has(element))
    if (missing.length > 0) change.add[name] = missing
    if (surplus.length > 0) change.remove[name] = surplus
  }
  const empty = Object.keys(change.add).length + Object.keys(change.remove).length === 0
  return empty ? null : change
}

function say(change: { add: Partial<RuleSets>; remove: Partial<RuleSets> }): string {
  const count = (sets: Partial<RuleSets>) => Object.values(sets).reduce((sum, elements) => sum + elements.length, 0)
  return `${count(change.add)} elements missing, ${count(change.remove)} too many`
}
