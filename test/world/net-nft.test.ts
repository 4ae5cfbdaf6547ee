import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { halfOfTables, type RuleSetName, type RuleSets } from '../../src/host-state.ts'
import { tablesLine, tablesText } from '../../src/world/linux/net/nft-chains.ts'
import { digestItems } from '../../src/world/linux/net/nft-digest.ts'
import { parseListing } from '../../src/world/linux/net/nft-parse.ts'
import { dropTables, renderSteps, stepsOf } from '../../src/world/linux/net/nft-render.ts'
import { emptySets, ruleSetNames, setDefinitions } from '../../src/world/linux/net/nft-sets.ts'
import { anySets } from './net-sets.ts'

const root = { id: '0123abcd', group: 1_234_567 }
const table = 'moorage_0123abcd'

/** What `add element` and `delete element` commands say, read back. */
function readElements(text: string, verb: 'add' | 'delete'): RuleSets {
  const sets: Record<RuleSetName, string[]> = Object.fromEntries(ruleSetNames.map((name) => [name, []])) as never
  for (const [, said, family, name, list] of text.matchAll(
    /^(add|delete) element (\w+) moorage_0123abcd (\w+) \{ (.*) \}$/gm,
  )) {
    const key = ruleSetNames.find(
      (each) => setDefinitions[each].name === name && setDefinitions[each].family === family,
    )
    if (said === verb && key) sets[key].push(...list!.replaceAll('"', '').split(', '))
  }
  return sets
}

/** An element as nft(8) prints it in JSON. */
function toJson(element: string): unknown {
  const [first, second] = element.split(' . ')
  if (second !== undefined) return { concat: [first, second] }
  const [addr, length] = element.split('/')
  if (length === undefined) return element
  return length === '32' ? addr : { prefix: { addr, len: Number(length) } }
}

/** A listing of our tables as nft(8) prints it, a document a line. */
function listing(sets: RuleSets, change: (items: Record<string, unknown>[]) => void = () => {}): string {
  const documents = (['bridge', 'inet'] as const).map((family) => {
    const items: Record<string, unknown>[] = [
      { metainfo: { version: '1.0.6', json_schema_version: 1 } },
      { table: { family, name: table, handle: 3 } },
    ]
    for (const key of ruleSetNames.filter((each) => setDefinitions[each].family === family)) {
      const elem = sets[key].map((element) => toJson(element))
      items.push({
        set: {
          family,
          name: setDefinitions[key].name,
          table,
          type: 'ifname',
          handle: 5,
          ...(elem.length > 0 && { elem }),
        },
      })
    }
    items.push({
      chain: { family, table, name: 'forward', handle: 1, type: 'filter', hook: 'forward', prio: 0, policy: 'accept' },
    })
    items.push({
      rule: {
        family,
        table,
        chain: 'forward',
        handle: 17,
        expr: [{ counter: { packets: 1, bytes: 2 } }, { drop: null }],
      },
    })
    change(items)
    return items
  })
  documents.push([{ metainfo: { version: '1.0.6' } }, ...documents.flat().filter((item) => 'chain' in item)])
  return documents.map((items) => `${JSON.stringify({ nftables: items })}\n`).join('')
}

describe('rendering', () => {
  test('any sets are read back from the text, and from the listing it leads to', () => {
    fc.assert(
      fc.property(anySets, (sets) => {
        const text = renderSteps(root, stepsOf(root, 0, { op: 'replaceRules', sets }))
        expect(text.startsWith(dropTables(root) + tablesText(root))).toBe(true)
        expect(readElements(text, 'add')).toEqual(sets)
        expect(parseListing(root, listing(sets)).sets).toEqual(sets)
      }),
    )
  })

  test('a change removes first, and what does the same to one set is one command', () => {
    const steps = stepsOf(root, 0, {
      op: 'changeRules',
      add: { portMacs: ['vm-a . 02:00:00:00:00:01', 'ip . 02:00:00:00:00:02'], masquerade: ['10.0.0.0/8'] },
      remove: { masquerade: ['10.1.0.0/24'], peers: ['br-a'] },
    })
    expect(renderSteps(root, steps).split('\n')).toEqual([
      `delete element inet ${table} peers { "br-a" }`,
      `delete element inet ${table} masqueraded { 10.1.0.0/24 }`,
      `add element bridge ${table} portMacs { "vm-a" . 02:00:00:00:00:01, "ip" . 02:00:00:00:00:02 }`,
      `add element inet ${table} masqueraded { 10.0.0.0/8 }`,
      '',
    ])
  })

  test('the tables depend on the root alone, and on one line they are without comments', () => {
    expect(tablesText(root)).toContain('iifgroup != 1234567 accept')
    expect(tablesText({ ...root, group: 7 })).not.toContain('1234567')
    expect(tablesLine(root)).not.toMatch(/[#\n]/)
  })

  test('no element that is accepted can end its command', () => {
    const wild = fc.oneof(
      fc.string(),
      fc.constantFrom(
        'a }',
        'a, b',
        '"a"',
        'a . b',
        'a\nflush ruleset',
        '10.0.0.0/8',
        '10.0.0.1/8',
        '02:00:00:00:00:0A',
      ),
    )
    fc.assert(
      fc.property(fc.constantFrom(...ruleSetNames), wild, (name, element) => {
        if (setDefinitions[name].accepts(element)) expect(element).toMatch(/^[\w.-]+( \. [0-9a-f:.]+)?$|^[\d.]+\/\d+$/)
      }),
    )
    expect(setDefinitions.masquerade.accepts('10.1.0.1/24')).toBe(false)
    expect(setDefinitions.portMacs.accepts('vm-a . 02:00:00:00:00:0A')).toBe(false)
    expect(setDefinitions.portAddresses.accepts('vm-a . 10.1.0.02')).toBe(false)
  })
})

describe('a listing of rules', () => {
  const digest = (change?: (items: Record<string, unknown>[]) => void) =>
    parseListing(root, listing(emptySets, change)).chains

  test('has no digest when a table is missing', () => {
    const [, inet = '', chains = ''] = listing(emptySets).split('\n')
    expect(parseListing(root, `${inet}\n${chains}\n`).chains).toBe(halfOfTables)
    expect(parseListing(root, '{"nftables": [{"metainfo": {"version": "1.0.6"}}]}\n')).toEqual({
      chains: null,
      sets: emptySets,
      foreign: [],
    })
  })

  test('has a digest that elements, handles, counters and the order of objects do not change', () => {
    const before = digest()
    expect(parseListing(root, listing({ ...emptySets, peers: ['br-a'] })).chains).toBe(before)
    expect(digest((items) => items.reverse())).toBe(before)
    const other = digest((items) => {
      for (const item of items) {
        for (const object of Object.values(item) as Record<string, unknown>[]) {
          if ('handle' in object) object.handle = 99
          if ('expr' in object) object.expr = [{ counter: { packets: 77, bytes: 88 } }, { drop: null }]
        }
      }
    })
    expect(other).toBe(before)
  })

  test('has another digest when a rule is added, changed or moved, a flag set, or an element put in that is not ours', () => {
    const accept = { rule: { family: 'inet', table, chain: 'forward', handle: 18, expr: [{ accept: null }] } }
    const set = (items: Record<string, unknown>[]) =>
      items.find((item) => 'set' in item)?.set as Record<string, unknown>
    const chain = (items: Record<string, unknown>[]) =>
      items.find((item) => 'chain' in item)?.chain as Record<string, unknown>
    const digests = [
      digest(),
      digest((items) => items.push(accept)),
      digest((items) => items.splice(-1, 0, accept)),
      digest((items) => items.pop()),
      digest((items) => Object.assign(set(items), { flags: ['timeout'] })),
      digest((items) => Object.assign(chain(items), { policy: 'drop' })),
      digest((items) => Object.assign(set(items), { elem: [{ elem: { val: 'br-a', timeout: 5 } }] })),
      digest((items) => Object.assign(set(items), { elem: [{ range: ['a', 'b'] }] })),
      digest((items) => Object.assign(items.find((item) => 'table' in item)!.table as object, { flags: 'dormant' })),
    ]
    expect(new Set(digests).size).toBe(digests.length)
  })

  test('names base chains of others that drop what is forwarded, and ours never', () => {
    const chain = (change: object) => ({
      chain: {
        family: 'ip',
        table: 'filter',
        name: 'FORWARD',
        handle: 1,
        type: 'filter',
        hook: 'forward',
        prio: 0,
        policy: 'drop',
        ...change,
      },
    })
    const chains = [
      chain({}),
      chain({ family: 'ip6' }),
      chain({ hook: 'input' }),
      chain({ policy: 'accept' }),
      chain({ family: 'inet', table }),
      chain({ family: 'bridge', table: 'b', name: 'c' }),
      { chain: { family: 'ip', table: 'filter', name: 'plain', handle: 2 } },
    ]
    expect(parseListing(root, `${JSON.stringify({ nftables: chains })}\n`).foreign).toEqual([
      'ip filter FORWARD',
      'bridge b c',
    ])
  })

  test.each([
    ['cut off', '{"nftables": [{"table": {"family'],
    ['something else', '{"tables": []}'],
  ])('that is %s is refused in a sentence', (_, stdout) => {
    expect(() => parseListing(root, `${stdout}\n`)).toThrow('nft printed something that is no listing in JSON')
  })

  test('without a document is refused too', () => {
    expect(() => parseListing(root, 'nft> \n')).toThrow('nft listed no chains')
  })

  test('digests of any two different lists of rules differ', () => {
    const rule = (expr: number) => ({ rule: { family: 'inet', table, chain: 'forward', expr: [{ accept: expr }] } })
    const lists = fc.array(fc.nat(2), { maxLength: 4 })
    fc.assert(
      fc.property(lists, lists, (a, b) => {
        const same = digestItems(a.map(rule)) === digestItems(b.map(rule))
        expect(same).toBe(JSON.stringify(a) === JSON.stringify(b))
      }),
    )
  })
})
