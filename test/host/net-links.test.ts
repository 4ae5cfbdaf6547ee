import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import type { Link } from '../../src/host-state.ts'
import { linuxNet } from '../../src/world/linux/net.ts'
import type { Net } from '../../src/world/net.ts'
import { commit, lab, needsNetworkNamespaces, never, rootOf } from './net-lab.ts'

const root = rootOf('0a11ce01')
const { group } = root
const alias = (name: string) => `moorage:${root.id}/MicroVM/default/${name}`
const here = lab()
let namespace = ''
let net: Net
let host: ReturnType<typeof here.host>

const bridge = (name: string) => ({ op: 'addBridge', name, alias: alias(name), group }) as const
const tap = (name: string, user = 64_001) => ({ op: 'addTap', name, alias: alias(name), group, user }) as const

async function links(): Promise<ReadonlyMap<string, Link>> {
  return new Map((await net.dump(never)).links.map((link) => [link.name, link]))
}

async function link(name: string): Promise<Link | undefined> {
  return (await links()).get(name)
}

describe('links', () => {
  beforeEach(async (context) => {
    needsNetworkNamespaces(context)
    namespace = await here.namespace('links')
    host = here.host(namespace)
    net = linuxNet(root, host)
  })

  afterAll(() => here.dispose())

  test('every operation does what the next dump shows', async () => {
    await commit(
      net,
      bridge('br-a'),
      { op: 'setMtu', name: 'br-a', mtu: 1400 },
      { op: 'addAddress', name: 'br-a', address: '10.1.0.1/24' },
      { op: 'setUp', name: 'br-a' },
      tap('vm-a'),
      { op: 'setMaster', name: 'vm-a', master: 'br-a' },
      { op: 'setUp', name: 'vm-a' },
      { op: 'setForwarding', value: true },
    )
    const state = await net.dump(never)
    expect(state.forwarding).toBe(true)
    expect(state.links.map(({ name }) => name)).toEqual(['br-a', 'lo', 'vm-a'])
    const found = await links()
    expect(found.get('br-a')).toEqual({
      name: 'br-a',
      index: 2,
      kind: 'bridge',
      alias: alias('br-a'),
      group,
      master: null,
      mac: expect.stringMatching(/^.[26ae]:/),
      mtu: 1400,
      up: true,
      carrier: false,
      user: null,
      addresses: ['10.1.0.1/24'],
    })
    expect(found.get('vm-a')).toMatchObject({
      kind: 'tun',
      alias: alias('vm-a'),
      group,
      master: 'br-a',
      up: true,
      user: 64_001,
    })
    await commit(
      net,
      { op: 'setAlias', name: 'vm-a', alias: 'moorage:0a11ce01/other' },
      { op: 'setGroup', name: 'vm-a', group: group + 1 },
      { op: 'removeAddress', name: 'br-a', address: '10.1.0.1/24' },
      { op: 'setForwarding', value: false },
    )
    expect(await link('vm-a')).toMatchObject({ alias: 'moorage:0a11ce01/other', group: group + 1 })
    expect(await link('br-a')).toMatchObject({ addresses: [] })
    expect((await net.dump(never)).forwarding).toBe(false)
  })

  test('what is there is added again and what is gone removed again, without error', async () => {
    await commit(net, bridge('br-a'), { op: 'addAddress', name: 'br-a', address: '10.1.0.1/24' })
    await commit(
      net,
      { op: 'addAddress', name: 'br-a', address: '10.1.0.1/24' },
      { op: 'removeAddress', name: 'br-a', address: '10.9.0.1/24' },
      { op: 'removeAddress', name: 'br-none', address: '10.9.0.1/24' },
      { op: 'removeLink', name: 'br-none', index: 77 },
      { op: 'setUp', name: 'br-a' },
    )
    expect(await link('br-a')).toMatchObject({ addresses: ['10.1.0.1/24'], up: true })
  })

  test('bridge and TAP have no IPv6 address, and the MAC of a bridge is its own', async () => {
    await commit(net, bridge('br-a'), tap('vm-a'))
    const before = (await link('br-a'))?.mac
    await commit(
      net,
      { op: 'setMaster', name: 'vm-a', master: 'br-a' },
      { op: 'setUp', name: 'vm-a' },
      { op: 'setUp', name: 'br-a' },
    )
    await here.ip(namespace, 'link set dev vm-a address 02:00:00:00:00:01')
    expect((await link('br-a'))?.mac).toBe(before)
    const details = JSON.parse(await here.exec(namespace, ['ip', '-j', '-d', 'link', 'show']))
    const ours = details.filter(({ ifname }: { ifname: string }) => ifname !== 'lo')
    expect(ours.map((each: Record<string, unknown>) => each.inet6_addr_gen_mode)).toEqual(['none', 'none'])
    expect(await here.exec(namespace, ['ip', '-6', 'addr', 'show', 'dev', 'br-a'])).toBe('')
  })

  test('a name that is taken is refused, its link untouched, and the other operations are carried out', async () => {
    await here.ip(namespace, 'link add name br-a type bridge', 'tuntap add dev vm-b mode tap')
    const outcomes = await net.commit(
      [
        bridge('br-a'),
        { op: 'setUp', name: 'br-a' },
        { op: 'addAddress', name: 'br-a', address: '10.1.0.1/24' },
        tap('vm-a'),
        { op: 'setMaster', name: 'vm-a', master: 'br-a' },
        { op: 'setUp', name: 'vm-a' },
        tap('vm-b'),
        { op: 'setUp', name: 'vm-b' },
        bridge('br-c'),
        { op: 'setUp', name: 'br-c' },
      ],
      never,
    )
    expect(outcomes.map(({ error }) => error)).toEqual([
      expect.stringMatching(/^br-a cannot be made: another link has that name \(File exists\)/),
      'not tried: br-a could not be made',
      'not tried: br-a could not be made',
      null,
      'not tried: br-a could not be made',
      null,
      expect.stringMatching(/^vm-b cannot be made: another link has that name \(Device or resource busy\)/),
      'not tried: vm-b could not be made',
      null,
      null,
    ])
    const found = await links()
    expect(found.get('br-a')).toMatchObject({ alias: '', group: 0, up: false, addresses: [] })
    expect(found.get('vm-b')).toMatchObject({ alias: '', group: 0, up: false, user: null })
    expect(found.get('vm-a')).toMatchObject({ alias: alias('vm-a'), up: true, master: null })
    expect(found.get('br-c')).toMatchObject({ alias: alias('br-c'), up: true })
  })

  test('a master that is not there fails alone, though ip ends at it without naming the line', async () => {
    await commit(net, bridge('br-a'), tap('vm-a'), tap('vm-b'), tap('vm-c'))
    const outcomes = await net.commit(
      [
        { op: 'setUp', name: 'vm-none' },
        { op: 'setMaster', name: 'vm-a', master: 'br-a' },
        { op: 'setMaster', name: 'vm-b', master: 'br-none' },
        { op: 'setMaster', name: 'vm-c', master: 'br-a' },
        { op: 'setMaster', name: 'br-a', master: 'br-none' },
        { op: 'setMaster', name: 'vm-b', master: 'lo' },
        { op: 'setMtu', name: 'vm-b', mtu: 70_000 },
        { op: 'setUp', name: 'vm-c' },
      ],
      never,
    )
    expect(outcomes.map(({ error }) => error)).toEqual([
      'vm-none cannot be set up: Cannot find device "vm-none"',
      null,
      expect.stringMatching(/^vm-b cannot be put on br-none: .*Device does not exist/),
      null,
      expect.stringMatching(/^br-a cannot be put on br-none: /),
      expect.stringMatching(/^vm-b cannot be put on lo: Operation not supported/),
      'vm-b cannot have an MTU of 70000: mtu greater than device maximum',
      null,
    ])
    const found = await links()
    expect(found.get('vm-a')?.master).toBe('br-a')
    expect(found.get('vm-c')).toMatchObject({ master: 'br-a', up: true })
  })

  test('what cannot be given to ip is refused in a sentence and reaches it not', async () => {
    const outcomes = await net.commit(
      [
        { op: 'addBridge', name: 'br a; reboot', alias: 'x', group },
        { op: 'addBridge', name: 'br-sixteen-chars', alias: 'x', group },
        { op: 'setAlias', name: 'lo', alias: 'two\nlines' },
        { op: 'addAddress', name: 'lo', address: '10.1.0.256/24' },
        { op: 'setGroup', name: 'lo', group: 2 ** 31 },
        { op: 'setMtu', name: 'lo', mtu: 1.5 },
        { op: 'setMaster', name: 'lo', master: '' },
      ],
      never,
    )
    expect(outcomes.map(({ error }) => error)).toEqual([
      '"br a; reboot" is no interface name; use at most 15 letters, digits, "-", "_" and "."',
      expect.stringContaining('"br-sixteen-chars" is no interface name'),
      expect.stringContaining('cannot be the alias of lo'),
      '"10.1.0.256/24" is no address with prefix length; write it as 10.1.0.1/24',
      '2147483648 is no link group; use 0 to 2147483647',
      '1.5 is no MTU; use a whole number of bytes',
      expect.stringContaining('"" is no interface name'),
    ])
    expect(host.argvs).toEqual([])
  })

  test('links are removed by name and index: one made anew under the name stays', async () => {
    await commit(net, bridge('br-a'), tap('vm-a'), tap('vm-b'), tap('vm-c'), tap('vm-d'), {
      op: 'setMaster',
      name: 'vm-a',
      master: 'br-a',
    })
    const before = await links()
    const remove = (name: string) => ({ op: 'removeLink', name, index: before.get(name)!.index }) as const
    await here.ip(namespace, 'link del dev vm-b', 'tuntap add dev vm-b mode tap', 'link set dev vm-c name vm-e')
    // A stranger in the group that is used to remove, and two whose names read as indexes.
    await here.ip(namespace, `link add name x0 group ${group ^ 0x40000000} type bridge`)
    for (const name of ['vm-b', 'vm-d'])
      await here.ip(namespace, `link add name if${before.get(name)!.index} type bridge`)
    await commit(net, remove('vm-a'), remove('vm-b'), remove('vm-c'), remove('vm-d'), remove('br-a'))
    const names = [...(await links()).keys()]
    const strangers = ['vm-b', 'vm-d'].map((name) => `if${before.get(name)!.index}`)
    expect(names).toEqual([...strangers, 'lo', 'vm-b', 'vm-e', 'x0'])
    await commit(net, remove('vm-a'), { op: 'removeLink', name: 'vm-b', index: (await link('vm-b'))!.index })
    expect(await link('vm-b')).toBeUndefined()
  })

  test('a link is removed and made again in one commit', async () => {
    await commit(net, bridge('br-a'), tap('vm-a', 64_001), tap('vm-b', 64_002))
    const before = await links()
    const remove = (name: string) => ({ op: 'removeLink', name, index: before.get(name)!.index }) as const
    await commit(net, remove('vm-a'), remove('vm-b'), tap('vm-a', 64_003), {
      op: 'setMaster',
      name: 'vm-a',
      master: 'br-a',
    })
    const after = await links()
    expect([...after.keys()]).toEqual(['br-a', 'lo', 'vm-a'])
    expect(after.get('vm-a')).toMatchObject({ user: 64_003, master: 'br-a' })
    expect(after.get('vm-a')?.index).not.toBe(before.get('vm-a')?.index)
  })

  test('a dump in which no link is new takes one ip and one nft, and changes nothing', async () => {
    await commit(net, bridge('br-a'), tap('vm-a'))
    await net.dump(never)
    host.argvs.length = 0
    const first = await net.dump(never)
    expect(await net.dump(never)).toEqual(first)
    expect(host.argvs.map((argv) => argv.find((word) => word === 'ip' || word === 'nft')).sort()).toEqual([
      'ip',
      'ip',
      'nft',
      'nft',
    ])
  })

  test('a user whom the system knows by name is still a number', async () => {
    await commit(net, tap('vm-a', 1), tap('vm-b', 0))
    expect(await link('vm-a')).toMatchObject({ user: 1 })
    expect(await link('vm-b')).toMatchObject({ user: 0 })
  })

  test('a persistent TAP takes a VMM that wants vnet headers, for its user alone', async () => {
    await commit(net, tap('vm-a', 64_001))
    const attach = (uid: number) => here.exec(namespace, ['perl', '-e', attachScript, 'vm-a', String(uid)])
    expect(await attach(64_001)).toBe('attached')
    expect(await attach(64_002)).toBe('Operation not permitted')
  })

  test('an aborted commit ends at once', async () => {
    await expect(net.commit([bridge('br-a')], AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
    expect(await link('br-a')).toBeUndefined()
  })
})

/** TUNSETIFF with IFF_TAP, IFF_NO_PI and IFF_VNET_HDR, as QEMU does. */
const attachScript = `
  open(my $tun, '+<', '/dev/net/tun') or die $!;
  $> = $ARGV[1];
  my $request = pack('a16 S x22', $ARGV[0], 0x5002);
  print ioctl($tun, 0x400454ca, $request) ? 'attached' : "$!";
`
