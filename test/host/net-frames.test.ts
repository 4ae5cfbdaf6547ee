import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { arp, echo6, ethernet, icmp, ipv4, ipv6, tagged, tcp, text, udp } from './net-frames.ts'
import { commit, lab, needsNetworkNamespaces } from './net-lab.ts'
import { buildTown, type Frames, type Place, root, type Sent, server, type Town } from './net-town.ts'

const table = `moorage_${root.id}`
const broadcast = 'ff:ff:ff:ff:ff:ff'

/** What a hostile guest can send: frames made byte by byte, and which of them get through. */
describe('frames', () => {
  const here = lab()
  let town: Town
  let annsDevice: Place
  let bobsDevice: Place
  /** Frames that end a capture: from Bob to Ann, from the host to Bob. */
  let toAnn: Sent
  let toBob: Sent
  /** From the host, on the uplink and to everybody in the network. */
  let toOutside: Sent
  let toAll: Sent

  beforeAll(async () => {
    if (process.getuid?.() !== 0) return
    town = await buildTown(here)
    const { ann, bob } = town
    annsDevice = [ann.namespace, 'eth0']
    bobsDevice = [bob.namespace, 'eth0']
    toAnn = [
      bobsDevice,
      ethernet({ to: ann.mac, from: bob.mac }, 0x0800, datagram(bob.address, ann.address, 'the last one')),
    ]
    toBob = [
      [town.host, 'br-1'],
      ethernet(
        { to: bob.mac, from: town.gateways['br-1']! },
        0x0800,
        datagram('10.1.0.1', bob.address, 'the last one'),
      ),
    ]
    const onUplink = ethernet({ to: broadcast, from: '02:00:00:00:09:02' }, 0x88b5, text('the last one'))
    toAll = [
      [town.host, 'br-1'],
      ethernet({ to: broadcast, from: town.gateways['br-1']! }, 0x88b5, text('the last one')),
    ]
    toOutside = [[town.host, 'up0'], onUplink]
    await here.start(town.host, 'serve', 'udp:9999')
    // It would hold back a fragment until it has the others.
    await here.exec(town.host, ['sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=0'])
    // Filled by hand, so that answers need no ARP and stay in order.
    await here.ip(town.host, `neigh replace ${ann.address} lladdr ${ann.mac} dev br-1`)
  })

  beforeEach(needsNetworkNamespaces)

  afterAll(() => here.dispose())

  const fromGateway = (name: string, to: string) =>
    ethernet({ to, from: town.gateways['br-1']! }, 0x0800, datagram('10.1.0.1', '10.1.0.3', name))
  const forBob = (name: string) => fromGateway(name, town.bob.mac)

  const outside = (): Place => [town.outside, 'in0']

  function datagram(from: string, to: string, data: string): string {
    return ipv4(from, to, udp(5000, 9999, data), { protocol: 17 })
  }

  /** Frames from Ann: to Bob unless it says otherwise. */
  function fromAnn(type: number, payload: string, change: { to?: string; from?: string } = {}): string {
    return ethernet({ to: town.bob.mac, from: town.ann.mac, ...change }, type, payload)
  }

  /** Each name in angle brackets, as `arrivals` looks for it. */
  function named(make: Readonly<Record<string, (name: string) => string>>): Frames {
    return Object.fromEntries(Object.entries(make).map(([name, frame]) => [name, frame(`<${name}>`)]))
  }

  const honest = () => ({ mac: town.ann.mac, ip: town.ann.address })
  const gateway = () => ({ mac: town.ann.mac, ip: '10.1.0.1' })
  const ownDatagram = (name: string) => datagram(town.ann.address, town.bob.address, name)

  /** An honest request with another head. */
  const oddArp = (name: string, head: string) => head + arp('request', honest(), '10.1.0.3', name).slice(16)

  const good = () =>
    named({
      'own IPv4': (name) => fromAnn(0x0800, ownDatagram(name)),
      'own ARP request': (name) => fromAnn(0x0806, arp('request', honest(), '10.1.0.3', name), { to: broadcast }),
      'own ARP reply': (name) => fromAnn(0x0806, arp('reply', honest(), '10.1.0.3', name)),
      'ARP probe': (name) =>
        fromAnn(0x0806, arp('request', { ...honest(), ip: '0.0.0.0' }, '10.1.0.9', name), { to: broadcast }),
      'DHCP discover': (name) =>
        fromAnn(0x0800, ipv4('0.0.0.0', '255.255.255.255', udp(68, 67, name), { protocol: 17 }), { to: broadcast }),
      'own fragment': (name) =>
        fromAnn(0x0800, ipv4(town.ann.address, town.bob.address, text(name), { protocol: 17, offset: 4 })),
    })

  const bad = () =>
    named({
      'spoofed MAC': (name) => fromAnn(0x0800, ownDatagram(name), { from: '02:00:00:00:01:99' }),
      'MAC of another guest': (name) => fromAnn(0x0800, ownDatagram(name), { from: town.cat.mac }),
      'MAC of the gateway': (name) => fromAnn(0x0800, ownDatagram(name), { from: town.gateways['br-1']! }),
      'spoofed IPv4': (name) => fromAnn(0x0800, datagram('10.1.0.77', town.bob.address, name)),
      'IPv4 of the gateway': (name) => fromAnn(0x0800, datagram('10.1.0.1', town.bob.address, name)),
      'IPv4 from nowhere': (name) => fromAnn(0x0800, datagram('0.0.0.0', town.bob.address, name)),
      'spoofed fragment': (name) =>
        fromAnn(0x0800, ipv4('10.1.0.1', town.bob.address, text(name), { protocol: 17, offset: 4 })),
      'ARP reply for the gateway': (name) => fromAnn(0x0806, arp('reply', gateway(), '10.1.0.3', name)),
      'ARP request as the gateway': (name) =>
        fromAnn(0x0806, arp('request', gateway(), '10.1.0.3', name), { to: broadcast }),
      'ARP with the MAC of a neighbor': (name) =>
        fromAnn(0x0806, arp('request', { ...honest(), mac: town.bob.mac }, '10.1.0.3', name), { to: broadcast }),
      'ARP reply from nowhere': (name) =>
        fromAnn(0x0806, arp('reply', { ...honest(), ip: '0.0.0.0' }, '10.1.0.3', name)),
      'ARP of other hardware': (name) => fromAnn(0x0806, oddArp(name, '0006080006040001')),
      'ARP for another protocol': (name) => fromAnn(0x0806, oddArp(name, '000186dd06040001')),
      'ARP with longer hardware addresses': (name) => fromAnn(0x0806, oddArp(name, '0001080008040001')),
      'ARP with longer protocol addresses': (name) => fromAnn(0x0806, oddArp(name, '0001080006100001')),
      'ARP of another operation': (name) => fromAnn(0x0806, oddArp(name, '0001080006040008')),
      'VLAN 5': (name) => tagged({ to: town.bob.mac, from: town.ann.mac }, 5, 0x0800, ownDatagram(name)),
      'VLAN 0': (name) => tagged({ to: town.bob.mac, from: town.ann.mac }, 0, 0x0800, ownDatagram(name)),
      'VLAN 0 in ARP': (name) =>
        tagged({ to: broadcast, from: town.ann.mac }, 0, 0x0806, arp('request', honest(), '10.1.0.3', name)),
      'service VLAN': (name) => fromAnn(0x88a8, `0005${'0800'}${ownDatagram(name)}`),
      'DHCP server': (name) =>
        fromAnn(0x0800, ipv4(town.ann.address, town.bob.address, udp(67, 68, name), { protocol: 17 })),
      'DHCP discover to a neighbor': (name) =>
        fromAnn(0x0800, ipv4('0.0.0.0', town.bob.address, udp(68, 67, name), { protocol: 17 })),
      IPv6: (name) => fromAnn(0x86dd, ipv6(llAnn, llAll, 17, udp(5000, 9999, name)), { to: '33:33:00:00:00:01' }),
      STP: (name) => fromAnn(38, `424203${text(name)}`, { to: '01:80:c2:00:00:00' }),
      'PPPoE session': (name) => fromAnn(0x8864, `11000001002a0021${ownDatagram(name)}`),
      RARP: (name) => fromAnn(0x8035, arp('request', honest(), '10.1.0.3', name), { to: broadcast }),
      'an ethertype for experiments': (name) => fromAnn(0x88b5, text(name)),
    })

  const llAnn = 'fe80000000000000000000fffe000102'
  const llAll = 'ff020000000000000000000000000001'

  test('of a port with its elements only what it may send arrives at a neighbor', async () => {
    await town.rules()
    expect(await town.arrivals(bobsDevice, annsDevice, { ...bad(), ...good() }, toBob)).toEqual(Object.keys(good()))
  })

  test('of a TAP as of a veth', async () => {
    const tap = { mac: '02:00:00:00:01:05', ip: '10.1.0.5' }
    await commit(
      town.net,
      { op: 'addTap', name: 'vm-tap', alias: 'moorage:0c0c0c03/tap', group: root.group, user: 0 },
      { op: 'setMaster', name: 'vm-tap', master: 'br-1' },
      { op: 'setUp', name: 'vm-tap' },
    )
    const frame = (mac: string, ip: string, data: string) =>
      ethernet({ to: town.bob.mac, from: mac }, 0x0800, datagram(ip, town.bob.address, data))
    const sniff = await here.start(bobsDevice[0], 'sniff', String(await here.indexOf(...bobsDevice)), 'the last one')
    const last = frame(tap.mac, tap.ip, 'the last one')
    await town.rules()
    await here.sendByTap(town.host, 'vm-tap', frame(tap.mac, tap.ip, '<no element>'))
    await town.rules({
      portMacs: [`vm-tap . ${tap.mac}`, `vm-bob . ${town.bob.mac}`],
      portAddresses: [`vm-tap . ${tap.ip}`],
    })
    const frames = [
      frame(tap.mac, '10.1.0.1', '<spoofed>'),
      frame(town.cat.mac, tap.ip, '<MAC>'),
      frame(tap.mac, tap.ip, '<own>'),
      last,
    ]
    await here.sendByTap(town.host, 'vm-tap', ...frames)
    const seen = (await sniff.output)
      .split('\n')
      .flatMap((line) => Buffer.from(line, 'hex').toString('latin1').match(/<.*>/) ?? [])
    expect(seen).toEqual(['<own>'])
    await here.ip(town.host, 'link del dev vm-tap')
  })

  test('of a port without an element nothing arrives, at a neighbor or at the host', async () => {
    await town.rules({ portMacs: [`vm-bob . ${town.bob.mac}`] })
    const all = { ...bad(), ...good() }
    expect(await town.arrivals(bobsDevice, annsDevice, all, toBob)).toEqual([])
    const bobToHost = [bobsDevice, toAnn[1].replace(/^.{12}/, 'ffffffffffff')] as const
    expect(await town.arrivals([town.host, 'br-1'], annsDevice, all, bobToHost)).toEqual([])
  })

  test('of an unfiltered port everything arrives that a bridge forwards, or these tests would show nothing', async () => {
    await town.rules({ portUnfiltered: ['vm-ann'] })
    const all = { ...bad(), ...good() }
    const seen = await town.arrivals(bobsDevice, annsDevice, all, toBob)
    expect(Object.keys(all).filter((name) => !seen.includes(name))).toEqual([])
  })

  test('of an isolated port nothing arrives at a neighbor, filtered or not', async () => {
    await town.rules({ portIsolated: ['vm-ann', 'vm-bob'] })
    expect(await town.arrivals(bobsDevice, annsDevice, good(), toBob)).toEqual([])
    await town.rules({ portIsolated: ['vm-ann', 'vm-bob'], portUnfiltered: ['vm-ann'] })
    expect(await town.arrivals(bobsDevice, annsDevice, good(), toBob)).toEqual([])
  })

  test('bridges and ports that are not ours are none of our business', async () => {
    await town.rules()
    await here.ip(town.host, 'link add name br-x type bridge', 'link set dev br-x up')
    for (const port of ['vm-ann', 'vm-bob']) await here.ip(town.host, `link set dev ${port} group 0 master br-x`)
    await here.nft(
      town.host,
      'table bridge other { chain c { type filter hook forward priority 0; meta priority 0x6d6f6f72 drop; }\n}',
    )
    const all = { ...bad(), ...good() }
    const seen = await town.arrivals(bobsDevice, annsDevice, all, [[town.host, 'br-x'], toAll[1]])
    await here.nft(town.host, 'delete table bridge other')
    for (const port of ['vm-ann', 'vm-bob'])
      await here.ip(town.host, `link set dev ${port} group ${root.group} master br-1`)
    await here.ip(town.host, 'link del dev br-x')
    expect(seen).toEqual(Object.keys(all))
  })

  test('a frame that the bridge keeps to itself teaches it no MAC: nobody takes the place of a neighbor', async () => {
    await town.rules()
    const theft = () =>
      here.send(annsDevice[0], 'eth0', fromAnn(0x88cc, '', { to: '01:80:c2:00:00:0e', from: town.bob.mac }))
    const { mac, address: ip } = town.bob
    const hello = ethernet({ to: broadcast, from: mac }, 0x0806, arp('request', { mac, ip }, '10.1.0.9', ''))
    // Bob says nothing else, by which the bridge would learn where he is.
    await here.ip(town.bob.namespace, 'link set dev eth0 arp off')
    const returned = async () => {
      await here.send(bobsDevice[0], 'eth0', hello)
      await theft()
      return town.arrivals(bobsDevice, [town.host, 'br-1'], named({ 'for Bob': forBob }), toAll)
    }
    expect(await returned()).toEqual(['for Bob'])
    await here.ip(town.host, 'link set dev br-1 type bridge no_linklocal_learn 0')
    expect(await returned()).toEqual([])
    await here.ip(town.host, 'link set dev br-1 type bridge no_linklocal_learn 1')
    expect(await returned()).toEqual(['for Bob'])
    await here.ip(town.bob.namespace, 'link set dev eth0 arp on')
  })

  test('a port is sent what is for its MACs and for many, though the bridge floods more', async () => {
    const frames = named({
      'for Bob': forBob,
      'for nobody': (name) => fromGateway(name, '02:00:00:00:01:99'),
      'for all': (name) => fromGateway(name, broadcast),
      'for many': (name) => fromGateway(name, '01:00:5e:00:00:01'),
      'for Ann': (name) => fromGateway(name, town.ann.mac),
    })
    await town.rules()
    expect(await town.arrivals(annsDevice, [town.host, 'br-1'], frames, toAll)).toEqual([
      'for all',
      'for many',
      'for Ann',
    ])
    const neighborly = named({
      'for nobody': (name) =>
        ethernet(
          { to: '02:00:00:00:01:99', from: town.bob.mac },
          0x0800,
          datagram(town.bob.address, town.ann.address, name),
        ),
    })
    expect(await town.arrivals(annsDevice, bobsDevice, neighborly, toAll)).toEqual([])
    await town.rules({ portUnfiltered: ['vm-ann'] })
    expect(await town.arrivals(annsDevice, bobsDevice, neighborly, toAll)).toEqual(Object.keys(neighborly))
  })

  describe('IPv6', () => {
    const strangers = 'fd000001000000000000000000000099'
    const ula = (last: string) => `fd0000000000000000000000000000${last}`
    const frames = () =>
      named({
        datagram: (name) => fromAnn(0x86dd, ipv6(llAnn, llAll, 17, udp(5000, 9999, name)), { to: '33:33:00:00:00:01' }),
        'router advertisement': (name) =>
          fromAnn(0x86dd, ipv6(llAnn, llAll, 58, icmp(134, 0, '40000708', text(name))), { to: '33:33:00:00:00:01' }),
        redirect: (name) => fromAnn(0x86dd, ipv6(llAnn, llAll, 58, icmp(137, 0, '00000000', text(name)))),
        'DHCPv6 server': (name) => fromAnn(0x86dd, ipv6(llAnn, llAll, 17, udp(547, 546, name))),
        'router advertisement behind a header': (name) =>
          fromAnn(0x86dd, ipv6(llAnn, llAll, 60, `3a00010400000000${icmp(134, 0, '40000708', text(name))}`)),
        'spoofed MAC': (name) =>
          fromAnn(0x86dd, ipv6(llAnn, llAll, 17, udp(5000, 9999, name)), { from: '02:00:00:00:01:99' }),
      })

    test('passes between ports that asked for it, without routers and DHCP servers', async () => {
      await town.rules({ portIPv6: ['vm-ann'] })
      expect(await town.arrivals(bobsDevice, annsDevice, frames(), toBob)).toEqual(['datagram'])
    })

    test('reaches no address of the host and is routed nowhere', async () => {
      await here.exec(town.host, ['sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1'])
      await here.ip(
        town.host,
        'addr add fd00::1/64 dev br-1 nodad',
        'addr add fd00:1::1/64 dev up0 nodad',
        `neigh replace fd00::2 lladdr ${town.ann.mac} dev br-1`,
        'route add fd00:ec2::/64 dev up0',
        'neigh replace fd00:ec2::254 lladdr 02:00:00:00:09:01 dev up0',
      )
      const to = town.gateways['br-1']!
      const packet = (target: string, name: string) =>
        fromAnn(0x86dd, ipv6(ula('02'), target, 58, echo6(ula('02'), target, name)), { to })
      const echoes = named({
        gateway: (name) => packet(ula('01'), name),
        'another address': (name) => packet('fd000001000000000000000000000001', name),
      })
      const routed = named({ metadata: (name) => packet('fd000ec2000000000000000000000254', name) })
      const [up] = JSON.parse(await here.exec(town.host, ['ip', '-j', 'link', 'show', 'dev', 'up0']))
      const entering = named({
        entering: (name) =>
          ethernet(
            { to: up.address, from: '02:00:00:00:09:02' },
            0x86dd,
            ipv6(strangers, ula('02'), 17, udp(5000, 9999, name)),
          ),
      })
      await town.rules({ portIPv6: ['vm-ann'], hostOpen: ['br-1'], peers: ['br-1', 'br-2'], inbound: ['br-1'] })
      expect(await town.arrivals(annsDevice, annsDevice, echoes, toAnn)).toEqual([])
      expect(await town.arrivals(outside(), annsDevice, routed, toOutside)).toEqual([])
      expect(await town.arrivals(annsDevice, outside(), entering, toAnn)).toEqual([])
      await here.nft(town.host, `delete table inet ${table}`)
      expect(await town.arrivals(annsDevice, annsDevice, echoes, toAnn)).toEqual(Object.keys(echoes))
      expect(await town.arrivals(outside(), annsDevice, routed, toOutside)).toEqual(Object.keys(routed))
      expect(await town.arrivals(annsDevice, outside(), entering, toAnn)).toEqual(Object.keys(entering))
    })
  })

  describe('past the bridge', () => {
    /** To the host's gateway address from Ann, from Bob who speaks with the host just now, and from nobody. */
    const toHost = (to: string) =>
      [town.ann.address, town.bob.address, '203.0.113.77'].map((from) =>
        fromAnn(0x0800, datagram(from, '10.1.0.1', 'hello'), { to }),
      )

    /** How many of those datagrams the host takes in: answers would go another way. */
    async function taking(frames: readonly string[], to: string): Promise<number> {
      const before = await taken()
      await town.capture([town.host, 'vm-ann'], annsDevice, frames, [
        annsDevice,
        fromAnn(0x88b5, text('the last one'), { to }),
      ])
      return (await taken()) - before
    }

    /** Read by a program, refused for want of one, or a broadcast that nobody wants; once it stands still. */
    async function taken(): Promise<number> {
      const read = async () => {
        const [, values = ''] = /^Udp: (\d.*)$/m.exec(await here.exec(town.host, ['cat', '/proc/net/snmp'])) ?? []
        const [inDatagrams, noPorts, , , , , , ignoredMulti] = values.split(' ').map(Number)
        return inDatagrams! + noPorts! + ignoredMulti!
      }
      for (let last = await read(); ; ) {
        await delay(50)
        const now = await read()
        if (now === last) return now
        last = now
      }
    }

    test('a guest that asks all for an address reaches the host where that is allowed', async () => {
      const to = broadcast
      const discover = fromAnn(0x0800, ipv4('0.0.0.0', '255.255.255.255', udp(68, 67, 'discover'), { protocol: 17 }), {
        to,
      })
      const others = [
        ipv4('0.0.0.0', '255.255.255.255', udp(68, 9999, 'other port'), { protocol: 17 }),
        datagram(town.ann.address, '255.255.255.255', 'other port'),
        datagram(town.ann.address, '10.1.0.255', 'all of the network'),
      ].map((packet) => fromAnn(0x0800, packet, { to }))
      await town.rules()
      expect(await taking([discover, ...others], to)).toBe(1)
      await town.rules({ hostServices: [], hostOpen: ['br-1'] })
      expect(await taking([discover, ...others], to)).toBe(1)
      await town.rules({ hostServices: ['br-2'] })
      expect(await taking([discover, ...others], to)).toBe(0)
    })

    async function bobSpeaks(): Promise<void> {
      const question = datagram(town.bob.address, '10.1.0.1', 'question')
      await here.send(
        bobsDevice[0],
        'eth0',
        ethernet({ to: town.gateways['br-1']!, from: town.bob.mac }, 0x0800, question),
      )
    }

    test('a frame that the kernel takes off the port itself reaches nobody, whatever its source', async () => {
      const to = '01:80:c2:00:00:0e'
      await town.rules({ hostOpen: ['br-1'] })
      await bobSpeaks()
      expect(await taking(toHost(to), to)).toBe(0)
      await here.nft(town.host, `delete table inet ${table}`)
      expect(await taking(toHost(to), to)).toBe(3)
    })

    test('nor does one of a port off its bridge', async () => {
      const [port] = JSON.parse(await here.exec(town.host, ['ip', '-j', 'link', 'show', 'dev', 'vm-ann']))
      const to = port.address
      await town.rules({ hostOpen: ['br-1'], portUnfiltered: ['vm-ann'] })
      await bobSpeaks()
      await here.ip(town.host, 'link set dev vm-ann nomaster')
      expect(await taking(toHost(to), to)).toBe(0)
      await here.nft(town.host, `delete table inet ${table}`)
      expect(await taking(toHost(to), to)).toBe(3)
      await here.ip(town.host, 'link set dev vm-ann master br-1')
    })

    describe.each([0, 1])('with bridge-nf-call-iptables=%i', (value) => {
      beforeEach(() => here.exec(town.host, ['sysctl', '-qw', `net.bridge.bridge-nf-call-iptables=${value}`]))

      test('an isolated port does not reach its neighbor by way of the gateway', async () => {
        const frames = named({
          routed: (name) => fromAnn(0x0800, ownDatagram(name), { to: town.gateways['br-1']! }),
        })
        await town.rules({ portIsolated: ['vm-ann', 'vm-bob'], peers: ['br-1', 'br-2'], inbound: ['br-1'] })
        expect(await town.arrivals(bobsDevice, annsDevice, frames, toBob)).toEqual([])
        await here.nft(town.host, `delete table inet ${table}`)
        expect(await town.arrivals(bobsDevice, annsDevice, frames, toBob)).toEqual(['routed'])
      })
    })

    test('source routing leads past no rule', async () => {
      for (const each of ['all', 'br-1']) {
        await here.exec(town.host, ['sysctl', '-qw', `net.ipv4.conf.${each}.accept_source_route=1`])
      }
      // The next hop of strict source routing is on the link.
      await here.ip(town.host, 'route add 169.254.169.254/32 dev up0')
      const routed = (option: string) => (name: string) => {
        const options = `${option}0704a9fea9fe00`
        const packet = ipv4(town.ann.address, '10.1.0.1', udp(5000, 9999, name), { protocol: 17, options })
        return fromAnn(0x0800, packet, { to: town.gateways['br-1']! })
      }
      const frames = named({ loose: routed('83'), strict: routed('89') })
      await town.rules({ hostOpen: ['br-1'] })
      expect(await town.arrivals(outside(), annsDevice, frames, toOutside)).toEqual([])
      await here.nft(town.host, `delete table inet ${table}`)
      expect(await town.arrivals(outside(), annsDevice, frames, toOutside)).toEqual(['loose', 'strict'])
      await here.ip(town.host, 'route del 169.254.169.254/32 dev up0')
    })

    test('a connection to metadata that was made while the rules were gone ends with them', async () => {
      const to = town.gateways['br-1']!
      const packet = (name: string) => fromAnn(0x0800, datagram(town.ann.address, '169.254.169.254', name), { to })
      await town.rules()
      await here.nft(town.host, `delete table inet ${table}`)
      // Something that keeps connections tracked.
      await here.nft(
        town.host,
        'table ip other { chain c { type filter hook forward priority 0; ct state new accept; }\n}',
      )
      expect(await town.arrivals(outside(), annsDevice, named({ before: packet }), toOutside)).toEqual(['before'])
      await town.rules()
      expect(await town.arrivals(outside(), annsDevice, named({ after: packet }), toOutside)).toEqual([])
      await here.nft(town.host, 'delete table ip other')
    })

    test('what belongs to no connection goes nowhere: it would leave without NAT', async () => {
      const nothing = 0
      const segment = (from: string, to: string, name: string) =>
        ipv4(from, to, tcp(from, to, [5000, 81], nothing, name), { protocol: 6 })
      const leaving = named({
        leaving: (name) => fromAnn(0x0800, segment(town.ann.address, server, name), { to: town.gateways['br-1']! }),
      })
      const atHost = fromAnn(0x0800, segment(town.ann.address, '10.1.0.1', 'x'), { to: town.gateways['br-1']! })
      const [up] = JSON.parse(await here.exec(town.host, ['ip', '-j', 'link', 'show', 'dev', 'up0']))
      const entering = named({
        entering: (name) =>
          ethernet(
            { to: up.address, from: '02:00:00:00:09:02' },
            0x0800,
            segment('198.51.100.1', town.ann.address, name),
          ),
      })
      const isReset = (frame: string) => frame.slice(24, 28) === '0800' && frame.slice(46, 48) === '06'
      const seen = async () => [
        ...(await town.arrivals(outside(), annsDevice, leaving, toOutside)),
        ...(await town.arrivals(annsDevice, outside(), entering, toAnn)),
        ...(await town.capture(annsDevice, annsDevice, [atHost], toAnn))
          .filter(isReset)
          .map(() => 'answer of the host'),
      ]
      await town.rules({ hostOpen: ['br-1'], inbound: ['br-1'] })
      expect(await seen()).toEqual([])
      await here.nft(town.host, `delete table inet ${table}`)
      expect(await seen()).toEqual(['leaving', 'entering', 'answer of the host'])
    })

    test('a guest says nothing about paths that are not its own', async () => {
      await town.rules({ hostOpen: ['br-1'] })
      const to = town.gateways['br-1']!
      // Bob asks the host something, and Ann says that the answer was too big.
      const question = ethernet({ to, from: town.bob.mac }, 0x0800, datagram(town.bob.address, '10.1.0.1', 'question'))
      const answer = ipv4('10.1.0.1', town.bob.address, udp(9999, 5000, 'hello question'), { protocol: 17 })
      const lie = fromAnn(0x0800, ipv4(town.ann.address, '10.1.0.1', icmp(3, 4, '000003e8', answer), { protocol: 1 }), {
        to,
      })
      const mtu = async () => {
        await here.send(bobsDevice[0], 'eth0', question)
        await town.capture(
          [town.host, 'br-1'],
          annsDevice,
          [lie],
          [annsDevice, fromAnn(0x0806, arp('request', honest(), '10.1.0.1', 'the last one'), { to: broadcast })],
        )
        const [route] = JSON.parse(await here.exec(town.host, ['ip', '-j', 'route', 'get', town.bob.address]))
        return route.metrics?.[0]?.mtu
      }
      expect(await mtu()).toBeUndefined()
      await here.nft(town.host, `delete table inet ${table}`)
      expect(await mtu()).toBe(1000)
    })
  })
})
