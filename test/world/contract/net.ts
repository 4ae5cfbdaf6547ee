import { expect, test } from 'vitest'
import {
  halfOfTables,
  type Link,
  type ObservedRules,
  type RuleSetName,
  type RuleSets,
} from '../../../src/host-state.ts'
import type { RootIdentity } from '../../../src/ledger.ts'
import { emptySets } from '../../../src/world/linux/net/nft-sets.ts'
import type { Net, NetOperation } from '../../../src/world/net.ts'

/** Somebody else on the host, by other ways than the port. */
export interface NetHands {
  deleteLink(name: string): Promise<void>
  /** A TAP here has no owner. */
  addLink(link: { readonly name: string; readonly kind: 'bridge' | 'tun' }): Promise<void>
  setDown(name: string): Promise<void>
  takeOffBridge(name: string): Promise<void>
  setAlias(name: string, alias: string): Promise<void>
  addAddress(name: string, address: string): Promise<void>
  removeAddress(name: string, address: string): Promise<void>
  flushRuleset(): Promise<void>
  deleteOurTables(family?: 'bridge' | 'inet'): Promise<void>
  removeElement(set: RuleSetName, element: string): Promise<void>
  alterChains(family: 'bridge' | 'inet'): Promise<void>
  addForeignTable(table: {
    readonly family: 'ip' | 'ip6' | 'inet' | 'bridge'
    readonly table: string
    readonly chain: string
    readonly policy: 'accept' | 'drop'
  }): Promise<void>
  setForwarding(value: boolean): Promise<void>
}

/** A TAP that is open. */
export interface HeldTap {
  close(): Promise<void>
  /** True once its link was deleted under it. */
  lost(): boolean
}

export interface NetWorld {
  readonly root: RootIdentity
  /** Of a network with nothing but `lo`. */
  readonly net: Net
  readonly hands: NetHands
  /** Opens a persistent TAP as a VMM does; rejects with the kernel's words. */
  open(name: string, user: number): Promise<HeldTap>
}

const never = new AbortController().signal

/** Milliseconds in which the kernel settles a carrier. */
const soon = 3000

const sets: RuleSets = {
  ...emptySets,
  portMacs: ['vm-a . 02:00:00:00:00:01', 'vm-b . 02:00:00:00:00:02'],
  portAddresses: ['vm-a . 10.1.0.2'],
  gateways: ['br-a . 10.1.0.1'],
  hostServices: ['br-a'],
  outbound: ['br-a'],
  masquerade: ['10.1.0.0/24', '10.1.1.0/24', '10.9.0.1/32'],
}

/** What every world's network must do; see src/world/net.ts. */
export function netContract(make: () => Promise<NetWorld>): void {
  const law = (name: string, check: (stage: Stage) => Promise<void>) =>
    test(name, async () => check(stage(await make())))
  linkLaws(law)
  masterLaws(law)
  addressLaws(law)
  removalLaws(law)
  ruleLaws(law)
  elementLaws(law)
  tapLaws(law)
}

type Law = (name: string, check: (stage: Stage) => Promise<void>) => void

/** A world with what the laws are written in. */
interface Stage extends NetWorld {
  bridge(name: string): NetOperation
  tap(name: string, user?: number): NetOperation
  aliasOf(name: string): string
  /** The error of each operation. */
  outcomes(...operations: NetOperation[]): Promise<readonly (string | null)[]>
  /** Commits what must not fail. */
  commit(...operations: NetOperation[]): Promise<void>
  link(name: string): Promise<Link | undefined>
  /** removeLink of the link as it is now. */
  removal(name: string): Promise<NetOperation>
  rules(): Promise<ObservedRules>
}

function stage(world: NetWorld): Stage {
  const { net, root } = world
  const aliasOf = (name: string) => `moorage:${root.id}/MicroVM/default/${name}`
  const outcomes = async (...operations: NetOperation[]) =>
    (await net.commit(operations, never)).map(({ error }) => error)
  const link = async (name: string) => (await net.dump(never)).links.find((each) => each.name === name)
  return {
    ...world,
    aliasOf,
    outcomes,
    link,
    bridge: (name) => ({ op: 'addBridge', name, alias: aliasOf(name), group: root.group }),
    tap: (name, user = 64_001) => ({ op: 'addTap', name, alias: aliasOf(name), group: root.group, user }),
    async commit(...operations) {
      expect((await outcomes(...operations)).filter((error) => error !== null)).toEqual([])
    },
    removal: async (name) => ({ op: 'removeLink', name, index: (await link(name))!.index }),
    rules: async () => (await net.dump(never)).rules,
  }
}

function linkLaws(law: Law): void {
  law('an empty commit answers nothing, and a network begins with lo alone', async ({ net, outcomes }) => {
    expect(await outcomes()).toEqual([])
    const { links, forwarding, rules } = await net.dump(never)
    expect(links).toEqual([
      {
        name: 'lo',
        index: 1,
        kind: '',
        alias: '',
        group: 0,
        master: null,
        mac: '00:00:00:00:00:00',
        mtu: 65_536,
        up: true,
        carrier: true,
        user: null,
        addresses: [],
      },
    ])
    expect(forwarding).toBe(false)
    expect(rules).toEqual({ chains: null, reference: rules.reference, sets: emptySets, foreign: [] })
  })

  law('a dump changes nothing, and shows links by name', async ({ net, commit, bridge, tap }) => {
    await commit(tap('vm-b'), bridge('br-a'), tap('vm-a'))
    const first = await net.dump(never)
    expect(first.links.map(({ name }) => name)).toEqual(['br-a', 'lo', 'vm-a', 'vm-b'])
    expect(first.links.map(({ index }) => index)).toEqual([3, 1, 4, 2])
    expect(await net.dump(never)).toEqual(first)
  })

  law('a new bridge and a new TAP are bare and ours', async ({ commit, bridge, tap, link, aliasOf, root }) => {
    await commit(bridge('br-a'), tap('vm-a', 64_007))
    const bare = { group: root.group, master: null, mtu: 1500, up: false, carrier: false, addresses: [] }
    const mac = expect.stringMatching(/^.[26ae](:[0-9a-f]{2}){5}$/)
    expect(await link('br-a')).toEqual({
      ...bare,
      name: 'br-a',
      index: 2,
      kind: 'bridge',
      alias: aliasOf('br-a'),
      mac,
      user: null,
    })
    expect(await link('vm-a')).toEqual({
      ...bare,
      name: 'vm-a',
      index: 3,
      kind: 'tun',
      alias: aliasOf('vm-a'),
      mac,
      user: 64_007,
    })
  })

  law('the MAC of a bridge is that of its alias', async ({ commit, bridge, removal, link, tap }) => {
    await commit(bridge('br-a'))
    const before = (await link('br-a'))!.mac
    await commit(await removal('br-a'))
    await commit(bridge('br-a'), tap('vm-a'), { op: 'setMaster', name: 'vm-a', master: 'br-a' })
    expect((await link('br-a'))!.mac).toBe(before)
    expect((await link('vm-a'))!.mac).not.toBe(before)
  })

  law('each setter does what the next dump shows, and does it twice', async ({ commit, tap, link, net }) => {
    await commit(tap('vm-a'))
    const change: NetOperation[] = [
      { op: 'setAlias', name: 'vm-a', alias: 'other' },
      { op: 'setGroup', name: 'vm-a', group: 7 },
      { op: 'setMtu', name: 'vm-a', mtu: 1400 },
      { op: 'setUp', name: 'vm-a' },
      { op: 'setForwarding', value: true },
    ]
    await commit(...change)
    await commit(...change)
    expect(await link('vm-a')).toMatchObject({ alias: 'other', group: 7, mtu: 1400, up: true, carrier: false })
    expect((await net.dump(never)).forwarding).toBe(true)
    await commit({ op: 'setForwarding', value: false })
    expect((await net.dump(never)).forwarding).toBe(false)
  })

  law('what is to be changed and is not there fails in words', async ({ outcomes, bridge }) => {
    const none = 'Cannot find device "vm-none"'
    expect(
      await outcomes(
        { op: 'setAlias', name: 'vm-none', alias: 'x' },
        bridge('br-a'),
        { op: 'setMtu', name: 'vm-none', mtu: 1400 },
        { op: 'setUp', name: 'vm-none' },
        { op: 'setMaster', name: 'vm-none', master: 'br-a' },
        { op: 'addAddress', name: 'vm-none', address: '10.1.0.1/24' },
        { op: 'setGroup', name: 'vm-none', group: 7 },
        { op: 'setUp', name: 'vm-none' },
      ),
    ).toEqual([
      `vm-none cannot have the alias x: ${none}`,
      null,
      `vm-none cannot have an MTU of 1400: ${none}`,
      `vm-none cannot be set up: ${none}`,
      `vm-none cannot be put on br-a: ${none}; both must be there, br-a as a bridge`,
      `vm-none cannot be given 10.1.0.1/24: ${none}`,
      `vm-none cannot be put into group 7: ${none}`,
      'not tried: vm-none could not be put into its group',
    ])
  })

  law('an MTU has limits', async ({ outcomes, bridge, tap }) => {
    const mtu = (name: string, value: number): NetOperation => ({ op: 'setMtu', name, mtu: value })
    const words = [67, 68, 65_521, 65_522, 65_535, 65_536]
    const errors = await outcomes(
      tap('vm-a'),
      ...words.map((value) => mtu('vm-a', value)),
      bridge('br-a'),
      ...words.map((value) => mtu('br-a', value)),
      mtu('lo', 0),
    )
    const less = expect.stringMatching(/: mtu less than device minimum$/)
    const more = expect.stringMatching(/: mtu greater than device maximum$/)
    expect(errors).toEqual([null, less, null, null, more, more, more, null, less, null, null, null, null, more, null])
  })

  law('what cannot be given to the kernel is refused, and nothing is done', async ({ outcomes, link }) => {
    expect(
      await outcomes(
        { op: 'addBridge', name: 'br a; reboot', alias: 'x', group: 1 },
        { op: 'setAlias', name: 'lo', alias: 'two\nlines' },
        { op: 'addAddress', name: 'lo', address: '10.1.0.256/24' },
        { op: 'setGroup', name: 'lo', group: 2 ** 31 },
        { op: 'addBridge', name: 'all', alias: 'x', group: 1 },
      ),
    ).toEqual([
      expect.stringContaining('"br a; reboot" is no interface name'),
      expect.stringContaining('cannot be the alias of lo'),
      '"10.1.0.256/24" is no address with prefix length; write it as 10.1.0.1/24',
      '2147483648 is no link group; use 0 to 2147483647',
      'all cannot be made: Invalid argument',
    ])
    expect(await link('lo')).toMatchObject({ alias: '', group: 0 })
  })

  law('a name that is taken is refused, its link untouched, and the rest is done', async (stage) => {
    const { outcomes, hands, bridge, tap, link, aliasOf } = stage
    await hands.addLink({ name: 'br-a', kind: 'bridge' })
    await hands.addLink({ name: 'vm-b', kind: 'tun' })
    await hands.addLink({ name: 'vm-d', kind: 'bridge' })
    const up = (name: string): NetOperation => ({ op: 'setUp', name })
    expect(
      await outcomes(
        bridge('br-a'),
        up('br-a'),
        tap('vm-a'),
        { op: 'setMaster', name: 'vm-a', master: 'br-a' },
        up('vm-a'),
        tap('vm-b'),
        { op: 'addAddress', name: 'vm-b', address: '10.1.0.1/24' },
        tap('vm-d'),
        bridge('br-c'),
        up('br-c'),
        bridge('br-c'),
        up('br-c'),
      ),
    ).toEqual([
      'br-a cannot be made: another link has that name (File exists); rename it or choose another name',
      'not tried: br-a could not be made',
      null,
      'not tried: br-a could not be made',
      null,
      'vm-b cannot be made: another link has that name (Device or resource busy); rename it or choose another name',
      'not tried: vm-b could not be made',
      'vm-d cannot be made: another link has that name (Device or resource busy); rename it or choose another name',
      null,
      null,
      'br-c cannot be made: another link has that name (File exists); rename it or choose another name',
      'not tried: br-c could not be made',
    ])
    expect(await link('br-a')).toMatchObject({ alias: '', group: 0, up: false })
    expect(await link('vm-b')).toMatchObject({ alias: '', group: 0, up: false, user: null, addresses: [] })
    expect(await link('vm-a')).toMatchObject({ alias: aliasOf('vm-a'), up: true, master: null })
    expect(await link('br-c')).toMatchObject({ alias: aliasOf('br-c'), up: true })
  })

  law('an aborted call ends at once with the reason and does nothing', async ({ net, bridge, link }) => {
    const aborted = AbortSignal.abort(new Error('enough'))
    await expect(net.commit([bridge('br-a')], aborted)).rejects.toThrow('enough')
    await expect(net.dump(aborted)).rejects.toThrow('enough')
    expect(await link('br-a')).toBeUndefined()
  })

  law('what others do to a link is what the next dump shows', async ({ commit, hands, bridge, tap, link, net }) => {
    await commit(
      bridge('br-a'),
      tap('vm-a'),
      { op: 'setMaster', name: 'vm-a', master: 'br-a' },
      { op: 'setUp', name: 'vm-a' },
      { op: 'addAddress', name: 'br-a', address: '10.1.0.1/24' },
    )
    await hands.setDown('vm-a')
    await hands.setAlias('vm-a', '')
    await hands.takeOffBridge('vm-a')
    await hands.addAddress('br-a', '10.2.0.1/24')
    await hands.removeAddress('br-a', '10.1.0.1/24')
    await hands.setForwarding(true)
    expect(await link('vm-a')).toMatchObject({ up: false, alias: '', master: null })
    expect(await link('br-a')).toMatchObject({ addresses: ['10.2.0.1/24'] })
    expect((await net.dump(never)).forwarding).toBe(true)
  })
}

function masterLaws(law: Law): void {
  const put = (name: string, master: string): NetOperation => ({ op: 'setMaster', name, master })

  law('a master that is not there, or is no bridge, fails alone', async ({ outcomes, bridge, tap, link }) => {
    expect(
      await outcomes(
        bridge('br-a'),
        bridge('br-b'),
        tap('vm-a'),
        tap('vm-b'),
        put('vm-a', 'br-none'),
        put('vm-b', 'vm-a'),
        put('br-a', 'br-b'),
        put('br-a', 'br-a'),
        put('lo', 'br-a'),
        put('vm-none', 'br-none'),
        put('vm-a', 'br-a'),
        put('vm-b', 'br-b'),
        put('vm-b', 'br-b'),
      ),
    ).toEqual([
      null,
      null,
      null,
      null,
      expect.stringMatching(/^vm-a cannot be put on br-none: argument "br-none" is wrong: Device does not exist; both/),
      expect.stringMatching(/^vm-b cannot be put on vm-a: Operation not supported; both must be there/),
      expect.stringMatching(/^br-a cannot be put on br-b: Can not enslave a bridge to a bridge; /),
      expect.stringMatching(/^br-a cannot be put on br-a: Can not enslave a bridge to a bridge; /),
      expect.stringMatching(/^lo cannot be put on br-a: Invalid argument; /),
      expect.stringMatching(/^vm-none cannot be put on br-none: argument "br-none" is wrong: Device does not exist; /),
      null,
      null,
      null,
    ])
    expect(await link('vm-a')).toMatchObject({ master: 'br-a' })
    expect(await link('vm-b')).toMatchObject({ master: 'br-b' })
  })

  law('a port goes from bridge to bridge, and falls off when the new one will not have it', async (stage) => {
    const { commit, outcomes, bridge, tap, link } = stage
    await commit(bridge('br-a'), bridge('br-b'), tap('vm-a'), put('vm-a', 'br-a'), put('vm-a', 'br-b'))
    expect(await link('vm-a')).toMatchObject({ master: 'br-b' })
    expect(await outcomes(put('vm-a', 'br-none'))).toEqual([expect.stringContaining('Device does not exist')])
    expect(await link('vm-a')).toMatchObject({ master: 'br-b' })
    expect(await outcomes(put('vm-a', 'lo'))).toEqual([expect.stringContaining('Operation not supported')])
    expect(await link('vm-a')).toMatchObject({ master: null })
  })

  law('the MTU of a bridge is the least of its ports until it is set', async (stage) => {
    const { commit, bridge, tap, link, hands } = stage
    const mtu = (name: string, value: number): NetOperation => ({ op: 'setMtu', name, mtu: value })
    await commit(bridge('br-a'), tap('vm-a'), tap('vm-b'), mtu('vm-a', 9000), put('vm-a', 'br-a'))
    expect(await link('br-a')).toMatchObject({ mtu: 9000 })
    await commit(put('vm-b', 'br-a'), mtu('vm-b', 1300))
    expect(await link('br-a')).toMatchObject({ mtu: 1300 })
    await hands.takeOffBridge('vm-b')
    expect(await link('br-a')).toMatchObject({ mtu: 9000 })
    await hands.deleteLink('vm-a')
    expect(await link('br-a')).toMatchObject({ mtu: 1500 })
    await commit(mtu('br-a', 1400), mtu('vm-b', 1350), put('vm-b', 'br-a'))
    expect(await link('br-a')).toMatchObject({ mtu: 1400 })
  })
}

function addressLaws(law: Law): void {
  const add = (name: string, address: string): NetOperation => ({ op: 'addAddress', name, address })
  const remove = (name: string, address: string): NetOperation => ({ op: 'removeAddress', name, address })

  law('an address is added and removed, twice without error', async ({ commit, bridge, link }) => {
    await commit(bridge('br-a'), add('br-a', '10.2.0.1/24'), add('br-a', '10.1.0.1/24'), add('br-a', '10.1.0.1/24'))
    expect(await link('br-a')).toMatchObject({ addresses: ['10.1.0.1/24', '10.2.0.1/24'] })
    await commit(
      remove('br-a', '10.2.0.1/24'),
      remove('br-a', '10.2.0.1/24'),
      remove('br-a', '10.1.0.1/25'),
      remove('br-none', '10.2.0.1/24'),
    )
    expect(await link('br-a')).toMatchObject({ addresses: ['10.1.0.1/24'] })
  })

  law('an address may be there with several lengths and on several links', async ({ commit, bridge, link }) => {
    await commit(bridge('br-a'), bridge('br-b'))
    await commit(add('br-a', '10.1.0.1/24'), add('br-a', '10.1.0.1/16'), add('br-b', '10.1.0.1/24'))
    expect(await link('br-a')).toMatchObject({ addresses: ['10.1.0.1/16', '10.1.0.1/24'] })
    expect(await link('br-b')).toMatchObject({ addresses: ['10.1.0.1/24'] })
  })

  law('with the first address of a subnet go the others of it', async ({ commit, hands, bridge, link }) => {
    await commit(bridge('br-a'))
    await hands.addAddress('br-a', '10.1.0.9/24')
    await commit(add('br-a', '10.1.0.1/24'), add('br-a', '10.1.0.5/16'), add('br-a', '10.1.0.7/24'))
    await commit(remove('br-a', '10.1.0.7/24'))
    expect(await link('br-a')).toMatchObject({ addresses: ['10.1.0.1/24', '10.1.0.5/16', '10.1.0.9/24'] })
    await commit(remove('br-a', '10.1.0.9/24'))
    expect(await link('br-a')).toMatchObject({ addresses: ['10.1.0.5/16'] })
  })

  law('what is no global address is taken and not shown', async ({ commit, bridge, link }) => {
    await commit(bridge('br-a'), add('br-a', '0.0.0.0/24'), add('br-a', '127.0.0.5/8'), add('br-a', '10.1.0.0/24'))
    expect(await link('br-a')).toMatchObject({ addresses: ['10.1.0.0/24'] })
  })

  law('a link that goes down keeps its addresses', async ({ commit, hands, bridge, link }) => {
    await commit(bridge('br-a'), { op: 'setUp', name: 'br-a' }, add('br-a', '10.1.0.1/24'))
    await hands.setDown('br-a')
    expect(await link('br-a')).toMatchObject({ up: false, addresses: ['10.1.0.1/24'] })
  })
}

function removalLaws(law: Law): void {
  law('removing what is gone succeeds, alone and among others', async ({ commit, tap, removal, link }) => {
    await commit(tap('vm-a'), tap('vm-b'))
    const [a, b] = [await removal('vm-a'), await removal('vm-b')]
    await commit(a)
    await commit(a)
    await commit(a, b, { op: 'removeLink', name: 'vm-none', index: 77 })
    expect(await link('vm-b')).toBeUndefined()
  })

  law('a link is removed by name and index: one made anew stays', async (stage) => {
    const { commit, hands, tap, removal, link } = stage
    await commit(tap('vm-a'), tap('vm-b'))
    const [a, b] = [await removal('vm-a'), await removal('vm-b')]
    await hands.deleteLink('vm-b')
    await hands.addLink({ name: 'vm-b', kind: 'tun' })
    await commit(a, b)
    expect(await link('vm-a')).toBeUndefined()
    expect(await link('vm-b')).toMatchObject({ alias: '', up: false, group: 0 })
  })

  law('a link is removed and made again in one commit, with an index that was never used', async (stage) => {
    const { commit, bridge, tap, removal, link } = stage
    await commit(bridge('br-a'), tap('vm-a', 64_001), tap('vm-b'))
    const before = (await link('vm-b'))!.index
    await commit(await removal('vm-a'), await removal('vm-b'), tap('vm-a', 64_003), {
      op: 'setMaster',
      name: 'vm-a',
      master: 'br-a',
    })
    expect(await link('vm-b')).toBeUndefined()
    expect(await link('vm-a')).toMatchObject({ user: 64_003, master: 'br-a', index: before + 1 })
  })

  law('a bridge that is deleted frees its ports', async ({ commit, hands, bridge, tap, link, removal }) => {
    const put = (master: string): NetOperation => ({ op: 'setMaster', name: 'vm-a', master })
    await commit(bridge('br-a'), bridge('br-b'), tap('vm-a'), put('br-a'), { op: 'setUp', name: 'vm-a' })
    await hands.deleteLink('br-a')
    expect(await link('vm-a')).toMatchObject({ master: null, up: true })
    await commit(put('br-b'))
    await commit(await removal('br-b'))
    expect(await link('vm-a')).toMatchObject({ master: null })
  })

  law('what cannot be removed fails in words', async ({ outcomes, link, hands }) => {
    await expect(hands.deleteLink('lo')).rejects.toThrow('Operation not supported')
    const words = 'lo cannot be removed: Operation not supported'
    expect(await outcomes({ op: 'removeLink', name: 'lo', index: 1 })).toEqual([words])
    expect(await link('lo')).toMatchObject({ up: true, group: 0 })
  })

  law('links that are removed together stay together, down and in another group', async (stage) => {
    const { outcomes, commit, tap, removal, link, root } = stage
    await commit(tap('vm-a'), { op: 'setUp', name: 'vm-a' })
    expect(await outcomes(await removal('vm-a'), { op: 'removeLink', name: 'lo', index: 1 })).toEqual([
      'vm-a cannot be removed: Operation not supported',
      'lo cannot be removed: Operation not supported',
    ])
    const [a, lo] = [await link('vm-a'), await link('lo')]
    expect(a).toMatchObject({ up: false, group: lo?.group })
    expect(lo).toMatchObject({ up: false })
    expect([0, root.group]).not.toContain(lo?.group)
  })
}

function ruleLaws(law: Law): void {
  law('what is loaded is what the next dump shows, until it is removed, twice', async ({ commit, rules }) => {
    const before = await rules()
    await commit({ op: 'replaceRules', sets })
    expect(await rules()).toEqual({ ...before, chains: before.reference, sets })
    await commit({ op: 'removeRules' })
    await commit({ op: 'removeRules' })
    expect(await rules()).toEqual(before)
  })

  law('all rules of a commit are one transaction, in order', async ({ commit, rules }) => {
    await commit(
      { op: 'removeRules' },
      { op: 'replaceRules', sets },
      { op: 'changeRules', add: { peers: ['br-b', 'br-a'] }, remove: { outbound: ['br-a'] } },
    )
    expect((await rules()).sets).toEqual({ ...sets, peers: ['br-a', 'br-b'], outbound: [] })
    await commit({ op: 'replaceRules', sets }, { op: 'removeRules' })
    expect((await rules()).chains).toBeNull()
  })

  law('what others do to our tables is told apart, until they are replaced', async ({ commit, hands, rules }) => {
    await commit({ op: 'replaceRules', sets })
    const whole = await rules()
    const upheavals: readonly (readonly [() => Promise<void>, object])[] = [
      [() => hands.flushRuleset(), { chains: null, sets: emptySets }],
      [() => hands.deleteOurTables(), { chains: null, sets: emptySets }],
      [() => hands.deleteOurTables('bridge'), { chains: halfOfTables, sets: { portMacs: [], outbound: ['br-a'] } }],
      [() => hands.deleteOurTables('inet'), { chains: halfOfTables, sets: { portMacs: sets.portMacs, outbound: [] } }],
      [() => hands.removeElement('outbound', 'br-a'), { chains: whole.chains, sets: { ...sets, outbound: [] } }],
      [() => hands.removeElement('masquerade', '10.1.0.0/24'), { sets: { masquerade: sets.masquerade.slice(1) } }],
    ]
    for (const [upheave, expected] of upheavals) {
      await upheave()
      expect(await rules()).toMatchObject(expected)
      await commit({ op: 'replaceRules', sets })
      expect(await rules()).toEqual(whole)
    }
    for (const family of ['bridge', 'inet'] as const) {
      await hands.alterChains(family)
      const altered = await rules()
      expect(altered).toEqual({ ...whole, chains: altered.chains })
      expect([null, whole.chains]).not.toContain(altered.chains)
      await commit({ op: 'changeRules', add: { peers: ['br-a'] }, remove: {} })
      expect((await rules()).chains).toBe(altered.chains)
      await commit({ op: 'replaceRules', sets })
      expect(await rules()).toEqual(whole)
    }
  })

  law('tables of others that drop what is forwarded are named, and ours leave them alone', async (stage) => {
    const { commit, hands, rules } = stage
    await hands.addForeignTable({ family: 'inet', table: 'firewall', chain: 'onward', policy: 'drop' })
    await hands.addForeignTable({ family: 'ip', table: 'docker', chain: 'FORWARD', policy: 'drop' })
    await hands.addForeignTable({ family: 'ip', table: 'quiet', chain: 'onward', policy: 'accept' })
    await hands.addForeignTable({ family: 'ip6', table: 'six', chain: 'onward', policy: 'drop' })
    await hands.addForeignTable({ family: 'bridge', table: 'hood', chain: 'onward', policy: 'drop' })
    const dropping = ['bridge hood onward', 'inet firewall onward', 'ip docker FORWARD']
    await commit({ op: 'replaceRules', sets })
    expect([...(await rules()).foreign].sort()).toEqual(dropping)
    await commit({ op: 'removeRules' })
    expect([...(await rules()).foreign].sort()).toEqual(dropping)
    await hands.flushRuleset()
    expect((await rules()).foreign).toEqual([])
  })
}

function elementLaws(law: Law): void {
  law('elements are added and removed, twice without error, in sorted sets', async ({ commit, rules }) => {
    await commit({ op: 'replaceRules', sets })
    const change: NetOperation = {
      op: 'changeRules',
      add: { portMacs: ['vm-0 . 02:00:00:00:00:03'], peers: ['br-b', 'br-a'], masquerade: ['10.1.0.0/16'] },
      remove: { portMacs: ['vm-a . 02:00:00:00:00:01'], masquerade: ['10.1.0.0/24', '10.1.1.0/24'] },
    }
    const expected = {
      ...sets,
      portMacs: ['vm-0 . 02:00:00:00:00:03', 'vm-b . 02:00:00:00:00:02'],
      peers: ['br-a', 'br-b'],
      masquerade: ['10.1.0.0/16', '10.9.0.1/32'],
    }
    for (let round = 0; round < 2; round += 1) {
      await commit(change)
      expect((await rules()).sets).toEqual(expected)
    }
    await commit({ op: 'changeRules', add: { outbound: ['br-a'] }, remove: { outbound: ['br-a'] } })
    expect((await rules()).sets).toEqual(expected)
  })

  law('a change of nothing holds, even without tables', async ({ commit }) => {
    await commit({ op: 'changeRules', add: {}, remove: { peers: [] } })
  })

  law('an element that is refused does not sink the others, and its operation alone fails', async (stage) => {
    const { commit, outcomes, rules } = stage
    await commit({ op: 'replaceRules', sets })
    expect(
      await outcomes(
        { op: 'changeRules', add: { outbound: ['br-b'], masquerade: ['10.2.0.0/24'] }, remove: {} },
        { op: 'changeRules', add: { masquerade: ['10.1.0.128/25', '10.3.0.0/24'], inbound: ['br-b'] }, remove: {} },
        { op: 'changeRules', add: { portMacs: ['vm-b . 02:00:00:00:00:0G', 'vm c'], peers: ['br-b'] }, remove: {} },
        { op: 'changeRules', add: {}, remove: { portMacs: ['vm-z . 02:00:00:00:00:09'], hostServices: ['br-a'] } },
      ),
    ).toEqual([
      null,
      '"10.1.0.128/25" cannot be added to masquerade: interval overlaps with an existing one',
      '"vm-b . 02:00:00:00:00:0G" cannot be in portMacs; write it as vm-slot1 . 02:00:00:00:00:01 (and 1 more)',
      null,
    ])
    const { sets: found } = await rules()
    expect(found).toMatchObject({ outbound: ['br-a', 'br-b'], inbound: ['br-b'], peers: ['br-b'], hostServices: [] })
    expect(found.masquerade).toEqual(['10.1.0.0/24', '10.1.1.0/24', '10.2.0.0/24', '10.3.0.0/24', '10.9.0.1/32'])
  })

  law('of two in a replacement that clash the first is kept', async ({ outcomes, rules }) => {
    const masquerade = ['10.0.0.0/8', '10.1.0.0/24', '192.168.0.0/24']
    const [error] = await outcomes({ op: 'replaceRules', sets: { ...sets, masquerade } })
    expect(error).toMatch(/^"10.1.0.0\/24" cannot be added to masquerade: /)
    const after = await rules()
    expect(after.sets).toEqual({ ...sets, masquerade: ['10.0.0.0/8', '192.168.0.0/24'] })
    expect(after.chains).toBe(after.reference)
  })

  law('elements without a table fail, unless the table they are in is there', async (stage) => {
    const { commit, hands, outcomes, rules } = stage
    const inet: NetOperation = { op: 'changeRules', add: { peers: ['br-a'] }, remove: {} }
    const bridge: NetOperation = { op: 'changeRules', add: { portIPv6: ['vm-a'] }, remove: {} }
    const refused = expect.stringMatching(/^nft refuses our tables: .*No such file or directory/)
    expect(await outcomes(inet, bridge)).toEqual([refused, refused])
    await commit({ op: 'replaceRules', sets })
    await hands.deleteOurTables('inet')
    expect(await outcomes(bridge)).toEqual([null])
    expect(await outcomes(inet)).toEqual([refused])
    const more: NetOperation = { op: 'changeRules', add: { portIPv6: ['vm-b'] }, remove: {} }
    expect(await outcomes(inet, more)).toEqual([refused, refused])
    expect((await rules()).sets.portIPv6).toEqual(['vm-a'])
  })

  law('a change after a removal in one commit finds no table', async ({ commit, outcomes, rules }) => {
    await commit({ op: 'replaceRules', sets })
    const [removed, added] = await outcomes(
      { op: 'removeRules' },
      { op: 'changeRules', add: { peers: ['br-a'] }, remove: { outbound: ['br-a'] } },
    )
    expect(removed).toBeNull()
    expect(added).toMatch(/^"br-a" cannot be added to peers: .*No such file or directory/)
    expect((await rules()).chains).toBeNull()
  })
}

function tapLaws(law: Law): void {
  const until = async (check: () => Promise<boolean>) => {
    for (const end = performance.now() + soon; !(await check()); ) {
      if (performance.now() > end) throw new Error(`not within ${soon} ms`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  const up = (name: string): NetOperation => ({ op: 'setUp', name })

  law('a TAP that is open has a carrier while it is up, and its bridge too', async (stage) => {
    const { commit, bridge, tap, open, link } = stage
    await commit(bridge('br-a'), up('br-a'), tap('vm-a'), { op: 'setMaster', name: 'vm-a', master: 'br-a' })
    const held = await open('vm-a', 64_001)
    expect(await link('vm-a')).toMatchObject({ up: false, carrier: false })
    await commit(up('vm-a'))
    expect(await link('vm-a')).toMatchObject({ up: true, carrier: true })
    await until(async () => (await link('br-a'))!.carrier)
    await held.close()
    await until(async () => !(await link('vm-a'))!.carrier)
    await until(async () => !(await link('br-a'))!.carrier)
    expect(held.lost()).toBe(false)
    await (await open('vm-a', 64_001)).close()
  })

  law('a TAP is opened by its user or root, by one at a time, and must be there', async (stage) => {
    const { commit, bridge, tap, open, hands } = stage
    await commit(bridge('br-a'), tap('vm-a', 64_001), tap('vm-b', 64_001))
    await hands.addLink({ name: 'tap-x', kind: 'tun' })
    await expect(open('vm-a', 64_002)).rejects.toThrow('Operation not permitted')
    await expect(open('vm-none', 64_001)).rejects.toThrow('Operation not permitted')
    await expect(open('br-a', 64_001)).rejects.toThrow('Invalid argument')
    const held = await open('vm-a', 64_001)
    await expect(open('vm-a', 64_001)).rejects.toThrow('Device or resource busy')
    await expect(open('vm-a', 64_002)).rejects.toThrow('Operation not permitted')
    await (await open('vm-b', 0)).close()
    await (await open('tap-x', 64_002)).close()
    await held.close()
  })

  law('who has a TAP open that is deleted loses it, and the one made anew has no carrier', async (stage) => {
    const { commit, tap, open, link, hands, removal } = stage
    await commit(tap('vm-a'), tap('vm-b'), up('vm-a'), up('vm-b'))
    const [a, b] = [await open('vm-a', 64_001), await open('vm-b', 64_001)]
    await hands.deleteLink('vm-a')
    await until(async () => a.lost())
    await commit(tap('vm-a'), up('vm-a'))
    expect(await link('vm-a')).toMatchObject({ up: true, carrier: false })
    const again = await open('vm-a', 64_001)
    await a.close()
    expect(await link('vm-a')).toMatchObject({ carrier: true })
    expect(b.lost()).toBe(false)
    await commit(await removal('vm-b'))
    await until(async () => b.lost())
    await again.close()
  })
}
