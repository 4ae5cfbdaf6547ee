import fc from 'fast-check'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import type { RuleSets } from '../../src/host-state.ts'
import { emptySets } from '../../src/world/linux/net/nft-sets.ts'
import { linuxNet } from '../../src/world/linux/net.ts'
import type { Net } from '../../src/world/net.ts'
import { anySets } from '../world/net-sets.ts'
import { commit, lab, needsNetworkNamespaces, never, rootOf } from './net-lab.ts'

const root = rootOf('0b0b0b02')
const table = `moorage_${root.id}`
const here = lab()
let namespace = ''
let net: Net
let host: ReturnType<typeof here.host>

const sets: RuleSets = {
  ...emptySets,
  portMacs: ['vm-a . 02:00:00:00:00:01', 'vm-b . 02:00:00:00:00:02'],
  portAddresses: ['vm-a . 10.1.0.2'],
  portUnfiltered: ['ip'],
  gateways: ['br-a . 10.1.0.1'],
  hostServices: ['br-a'],
  outbound: ['br-a'],
  masquerade: ['10.1.0.0/24', '10.1.1.0/24', '10.9.0.1/32'],
}

async function rules() {
  return (await net.dump(never)).rules
}

/** A rule of ours, as a handle to change it by. */
async function handleIn(family: string, chain: string): Promise<string> {
  const listing = await here.exec(namespace, ['nft', '-a', 'list', 'chain', family, table, chain])
  return [...listing.matchAll(/drop # handle (\d+)/g)].at(-1)![1]!
}

describe('rules', () => {
  beforeEach(async (context) => {
    needsNetworkNamespaces(context)
    namespace = await here.namespace('rules')
    host = here.host(namespace)
    net = linuxNet(root, host)
  })

  afterAll(() => here.dispose())

  test('what is loaded is what the next dump shows, and its digest is the reference', async () => {
    const before = await rules()
    expect(before).toMatchObject({ chains: null, sets: emptySets, foreign: [] })
    await commit(net, { op: 'replaceRules', sets })
    const after = await rules()
    expect(after.sets).toEqual(sets)
    expect(after.chains).toBe(after.reference)
    expect(after.reference).toBe(before.reference)
    await commit(net, { op: 'removeRules' })
    await commit(net, { op: 'removeRules' })
    expect(await rules()).toMatchObject({ chains: null, sets: emptySets })
    expect(await here.exec(namespace, ['nft', 'list', 'ruleset'])).toBe('')
  })

  test('any sets come back as they were given', async () => {
    await fc.assert(
      fc.asyncProperty(anySets, async (some) => {
        await commit(net, { op: 'replaceRules', sets: some })
        const { sets: found, chains, reference } = await rules()
        expect(found).toEqual(some)
        expect(chains).toBe(reference)
      }),
      { numRuns: 15 },
    )
  })

  test('elements are added and removed, twice without error', async () => {
    await commit(net, { op: 'replaceRules', sets })
    const change = {
      op: 'changeRules',
      add: { portMacs: ['vm-c . 02:00:00:00:00:03'], peers: ['br-a', 'br-b'], masquerade: ['10.1.0.0/16'] },
      remove: { portMacs: ['vm-a . 02:00:00:00:00:01'], masquerade: ['10.1.0.0/24', '10.1.1.0/24'] },
    } as const
    await commit(net, change)
    const expected = {
      ...sets,
      portMacs: ['vm-b . 02:00:00:00:00:02', 'vm-c . 02:00:00:00:00:03'],
      peers: ['br-a', 'br-b'],
      masquerade: ['10.1.0.0/16', '10.9.0.1/32'],
    }
    expect((await rules()).sets).toEqual(expected)
    await commit(net, change)
    expect((await rules()).sets).toEqual(expected)
  })

  test('an element that is refused does not sink the others, and its operation alone fails', async () => {
    await commit(net, { op: 'replaceRules', sets })
    const outcomes = await net.commit(
      [
        { op: 'changeRules', add: { outbound: ['br-b'], masquerade: ['10.2.0.0/24'] }, remove: {} },
        { op: 'changeRules', add: { masquerade: ['10.1.0.128/25', '10.3.0.0/24'], inbound: ['br-b'] }, remove: {} },
        { op: 'changeRules', add: { portMacs: ['vm-b . 02:00:00:00:00:0G', 'vm c'], peers: ['br-b'] }, remove: {} },
        { op: 'changeRules', add: {}, remove: { portMacs: ['vm-z . 02:00:00:00:00:09'], hostServices: ['br-a'] } },
      ],
      never,
    )
    expect(outcomes.map(({ error }) => error)).toEqual([
      null,
      '"10.1.0.128/25" cannot be added to masquerade: interval overlaps with an existing one',
      '"vm-b . 02:00:00:00:00:0G" cannot be in portMacs; write it as vm-slot1 . 02:00:00:00:00:01 (and 1 more)',
      null,
    ])
    const { sets: found } = await rules()
    expect(found).toMatchObject({ outbound: ['br-a', 'br-b'], inbound: ['br-b'], peers: ['br-b'], hostServices: [] })
    expect(found.masquerade).toEqual(['10.1.0.0/24', '10.1.1.0/24', '10.2.0.0/24', '10.3.0.0/24', '10.9.0.1/32'])
  })

  test('a replacement with a bad element keeps out that element and loads the rest', async () => {
    const [outcome] = await net.commit(
      [{ op: 'replaceRules', sets: { ...sets, masquerade: ['10.0.0.0/8', '10.1.0.0/24', '192.168.0.0/24'] } }],
      never,
    )
    expect(outcome?.error).toMatch(/^"10.1.0.0\/24" cannot be added to masquerade: /)
    const after = await rules()
    expect(after.sets).toEqual({ ...sets, masquerade: ['10.0.0.0/8', '192.168.0.0/24'] })
    expect(after.chains).toBe(after.reference)
  })

  test('elements without our tables are an error that says so, and forwarding is not switched on without rules', async () => {
    const outcomes = await net.commit([{ op: 'changeRules', add: { peers: ['br-a'] }, remove: {} }], never)
    expect(outcomes[0]?.error).toMatch(/^nft refuses our tables: .*No such file or directory/)
    await here.exec(namespace, ['sysctl', '-qw', 'net.ipv4.ip_forward=0'])
    const broken = linuxNet({ ...root, id: 'not a name' }, host)
    const both = await broken.commit(
      [
        { op: 'replaceRules', sets },
        { op: 'setForwarding', value: true },
      ],
      never,
    )
    expect(both.map(({ error }) => error)).toEqual([
      expect.stringMatching(/^nft refuses our tables: syntax error/),
      'forwarding stays off while our rules cannot be loaded',
    ])
    expect((await net.dump(never)).forwarding).toBe(false)
  })

  test('a replacement is one transaction: no listing ever shows our tables half', async () => {
    await commit(net, { op: 'replaceRules', sets })
    const watching = new AbortController()
    const seen = new Set<string | null>()
    const watch = (async () => {
      while (!watching.signal.aborted) {
        const found = await rules()
        seen.add(found.chains === found.reference ? JSON.stringify(found.sets) : found.chains)
      }
    })()
    const other = { ...sets, portMacs: [], peers: ['br-a'] }
    for (let round = 0; round < 20; round += 1)
      await commit(net, { op: 'replaceRules', sets: round % 2 === 0 ? other : sets })
    watching.abort()
    await watch
    // The two tables are listed one after the other, so that a set of each may be seen; never a table without its chains.
    const mixed = [
      { ...sets, portMacs: [] },
      { ...sets, peers: ['br-a'] },
    ]
    const allowed = [sets, other, ...mixed].map((each) => JSON.stringify(each))
    expect([...seen].filter((each) => !allowed.includes(each ?? 'null'))).toEqual([])
    expect(seen.size).toBeGreaterThan(1)
  })

  describe('the digest', () => {
    const changes: readonly (readonly [string, () => Promise<string> | string])[] = [
      ['a rule is added', () => `add rule inet ${table} forward accept`],
      ['a rule is put first', () => `insert rule bridge ${table} prerouting accept`],
      [
        'a rule is deleted',
        async () => `delete rule inet ${table} services handle ${await handleIn('inet', 'services')}`,
      ],
      [
        'a rule is replaced by its opposite',
        async () => `replace rule bridge ${table} guard handle ${await handleIn('bridge', 'guard')} accept`,
      ],
      ['a chain is flushed', () => `flush chain bridge ${table} guardARP`],
      ['a policy is changed', () => `chain inet ${table} forward { policy drop; }`],
      ['a chain is added', () => `add chain inet ${table} more`],
      ['a set is added', () => `add set inet ${table} more { type ifname; }`],
      ['a table sleeps', () => `table inet ${table} { flags dormant; }`],
      [
        'a set is made anew with a timeout',
        () =>
          `flush chain inet ${table} outside\ndelete set inet ${table} outbound\nadd set inet ${table} outbound { type ifname; flags timeout; }\nadd rule inet ${table} outside jump errors\nadd rule inet ${table} outside iifname @outbound accept\nadd rule inet ${table} outside drop`,
      ],
      ['a set gets an element that we could not have written', () => `add element inet ${table} outbound { "we@ird" }`],
      ['a table is deleted', () => `delete table bridge ${table}`],
    ]
    test.each(changes)('differs when %s, until it is replaced', async (_, change) => {
      await commit(net, { op: 'replaceRules', sets })
      const before = await rules()
      await here.nft(namespace, await change())
      const after = await rules()
      expect(after.chains).not.toBe(before.chains)
      expect(after.reference).toBe(before.reference)
      await commit(net, { op: 'replaceRules', sets })
      expect(await rules()).toEqual(before)
    })

    test('is the same in every namespace, whatever is in the sets, and not that of another root', async () => {
      await commit(net, { op: 'replaceRules', sets })
      const { chains } = await rules()
      const elsewhere = linuxNet(root, here.host(await here.namespace('other')))
      await commit(elsewhere, { op: 'replaceRules', sets: emptySets })
      expect((await elsewhere.dump(never)).rules.chains).toBe(chains)
      const second = linuxNet(rootOf('0b0b0b03'), host)
      await commit(second, { op: 'replaceRules', sets: emptySets })
      const other = (await second.dump(never)).rules
      expect(other.chains).toBe(other.reference)
      expect(other.chains).not.toBe(chains)
      expect((await rules()).chains).toBe(chains)
    })

    test('is remembered from our own loading where no namespace can be made', async () => {
      const denied = linuxNet(root, {
        ...host,
        run: (spec, signal) =>
          spec.argv[0] === 'unshare' ? Promise.reject(new Error('not permitted')) : host.run(spec, signal),
      })
      await commit(net, { op: 'replaceRules', sets })
      const first = (await denied.dump(never)).rules
      expect(first.chains).not.toBe(first.reference)
      await commit(denied, { op: 'replaceRules', sets })
      const second = (await denied.dump(never)).rules
      expect(second.chains).toBe(second.reference)
      await here.nft(namespace, `flush chain bridge ${table} guard`)
      const third = (await denied.dump(never)).rules
      expect(third.chains).not.toBe(third.reference)
    })
  })

  test('base chains of others that drop what is forwarded are named, and nothing else of theirs is read or touched', async () => {
    const foreign = `
      table inet firewall { chain onward { type filter hook forward priority 0; policy drop; }
      chain in { type filter hook input priority 0; policy drop; }
      set bad { type ipv4_addr; elements = { 192.0.2.1 } }
      }
      table ip docker { chain FORWARD { type filter hook forward priority 0; policy drop; }
      }
      table ip quiet { chain onward { type filter hook forward priority 0; policy accept; }
      }
      table ip6 six { chain onward { type filter hook forward priority 0; policy drop; }
      }
      table bridge hood { chain onward { type filter hook forward priority 0; policy drop; }
      }`
    await here.nft(namespace, foreign)
    const before = await here.exec(namespace, ['nft', 'list', 'ruleset'])
    await commit(net, { op: 'replaceRules', sets })
    expect([...(await rules()).foreign].sort()).toEqual([
      'bridge hood onward',
      'inet firewall onward',
      'ip docker FORWARD',
    ])
    await commit(net, { op: 'removeRules' })
    expect(await here.exec(namespace, ['nft', 'list', 'ruleset'])).toBe(before)
  })

  test('rules that cannot be read are an error, not an absence', async () => {
    const powerless = linuxNet(root, {
      ...host,
      run: (spec, signal) =>
        host.run({ ...spec, argv: ['setpriv', '--bounding-set=-net_admin', ...spec.argv] }, signal),
    })
    await expect(powerless.dump(never)).rejects.toThrow(/^nft cannot list the rules of this host: .*not permitted/)
  })
})
