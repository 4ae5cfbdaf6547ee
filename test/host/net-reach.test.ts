import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { RuleSets } from '../../src/host-state.ts'
import { lab, needsNetworkNamespaces } from './net-lab.ts'
import { buildTown, metadata, router, server, type Town, uplink } from './net-town.ts'

/** Who reaches what: ordinary programs in guests that behave, asking for what they should not have. */
describe.each([
  ['without br_netfilter', 0],
  ['with br_netfilter', 1],
])('reach %s', (_, brNetfilter) => {
  const here = lab()
  let town: Town

  beforeAll(async () => {
    if (process.getuid?.() !== 0) return
    town = await buildTown(here)
    await here.exec(town.host, ['sysctl', '-qw', `net.bridge.bridge-nf-call-iptables=${brNetfilter}`])
    await here.start(town.host, 'serve', 'tcp:22', 'tcp:53', 'udp:53', 'udp:67', 'udp:9999')
    await here.start(town.outside, 'serve', 'tcp:80', 'udp:9')
    for (const guest of [town.ann, town.bob, town.cat]) await here.start(guest.namespace, 'serve', 'tcp:80', 'udp:9')
  })

  beforeEach(needsNetworkNamespaces)

  afterAll(() => here.dispose())

  /** What each target answers to a guest, all asked at once. */
  async function answers(from: string, targets: readonly string[]): Promise<Record<string, string>> {
    const told = await Promise.all(targets.map((target) => here.probe(from, target)))
    return Object.fromEntries(targets.map((target, index) => [target, told[index]!]))
  }

  async function expectReach(
    from: string,
    reach: { open: readonly string[]; silent: readonly string[] },
  ): Promise<void> {
    const expected = [...reach.open.map((each) => [each, 'open']), ...reach.silent.map((each) => [each, 'silent'])]
    expect(await answers(from, [...reach.open, ...reach.silent])).toEqual(Object.fromEntries(expected))
  }

  const services = ['icmp:10.1.0.1', 'udp:10.1.0.1:53', 'tcp:10.1.0.1:53', 'udp:10.1.0.1:67']
  const hostPorts = ['tcp:10.1.0.1:22', 'udp:10.1.0.1:9999']
  const otherGateway = ['icmp:10.2.0.1', 'udp:10.2.0.1:53', 'tcp:10.2.0.1:22']
  const elsewhere = [...otherGateway, `icmp:${uplink}`, `tcp:${uplink}:22`, `udp:${uplink}:53`]
  const outside = [`icmp:${server}`, `tcp:${server}:80`, `udp:${router}:9`]
  const neighbor = ['icmp:10.1.0.3', 'tcp:10.1.0.3:80']
  const otherNetwork = ['icmp:10.2.0.4', 'tcp:10.2.0.4:80']
  const secrets = metadata.map((address) => `tcp:${address}:80`)

  test('by default: own gateway for DHCP, DNS and ping, own network, outside by NAT; nothing else', async () => {
    await town.rules()
    await expectReach(town.ann.namespace, {
      open: [...services, ...outside, ...neighbor],
      silent: [...hostPorts, ...elsewhere, ...otherNetwork, ...secrets],
    })
    await expectReach(town.outside, { open: [], silent: ['tcp:10.1.0.2:80'] })
    await expectReach(town.host, {
      open: ['icmp:10.1.0.2', 'tcp:10.1.0.2:80', 'tcp:10.2.0.4:80', 'udp:10.1.0.2:9'],
      silent: [],
    })
  })

  test('without our tables all of it is reached, or these tests would show nothing', async () => {
    await town.rules()
    await here.nft(town.host, 'delete table inet moorage_0c0c0c03')
    await here.nft(
      town.host,
      'table ip nat { chain post { type nat hook postrouting priority srcnat; oifname "up0" masquerade; }\n}',
    )
    await expectReach(town.ann.namespace, {
      open: [...services, ...hostPorts, ...elsewhere, ...outside, ...neighbor, ...otherNetwork, ...secrets],
      silent: [],
    })
    await here.nft(town.host, 'delete table ip nat')
  })

  const openings: readonly (readonly [
    string,
    Partial<RuleSets>,
    { open: readonly string[]; silent: readonly string[] },
  ])[] = [
    [
      'host: Allow opens every port of the own gateway, and still no other address of the host',
      { hostServices: [], hostOpen: ['br-1'] },
      { open: [...services, ...hostPorts], silent: elsewhere },
    ],
    [
      'host: Deny closes the gateway too',
      { hostServices: ['br-2'] },
      { open: outside, silent: [...services, ...hostPorts] },
    ],
    ['without outbound nothing leaves', { outbound: ['br-2'] }, { open: services, silent: outside }],
    [
      'a gateway that is not listed is no gateway',
      { gateways: ['br-2 . 10.2.0.1'] },
      { open: outside, silent: services },
    ],
    ['without masquerade nobody outside knows the way back', { masquerade: [] }, { open: services, silent: outside }],
    [
      'two networks that both allow it reach each other',
      { peers: ['br-1', 'br-2'] },
      { open: otherNetwork, silent: secrets },
    ],
    ['one that allows it alone does not', { peers: ['br-1'] }, { open: neighbor, silent: otherNetwork }],
    ['nor is it reached', { peers: ['br-2'] }, { open: neighbor, silent: otherNetwork }],
    [
      'an isolated port reaches its gateway and outside, not its neighbor',
      { portIsolated: ['vm-ann', 'vm-bob'], peers: ['br-1', 'br-2'] },
      { open: [...services, ...outside, ...otherNetwork], silent: neighbor },
    ],
    [
      'a port without any element reaches nothing',
      { portMacs: [], portAddresses: [] },
      { open: [], silent: [...services, ...outside, ...neighbor] },
    ],
    [
      'a port with a MAC and no address reaches nothing',
      { portAddresses: [] },
      { open: [], silent: [...services, ...outside, ...neighbor] },
    ],
    [
      'an unfiltered port is bound by the inet table as all are',
      { portUnfiltered: ['vm-ann', 'vm-bob'] },
      {
        open: [...services, ...neighbor, ...outside],
        silent: [...hostPorts, ...elsewhere, ...otherNetwork, ...secrets],
      },
    ],
  ]
  test.each(openings)('%s', async (_name, change, reach) => {
    await town.rules(change)
    await expectReach(town.ann.namespace, reach)
  })

  test('outside reaches a network that is open to it, and no other', async () => {
    await here.ip(town.outside, 'route add 10.0.0.0/8 via 198.51.100.2')
    await town.rules({ inbound: ['br-1'], outbound: [] })
    await expectReach(town.outside, {
      open: ['tcp:10.1.0.2:80', 'icmp:10.1.0.3', 'udp:10.1.0.3:9'],
      silent: ['tcp:10.2.0.4:80', 'icmp:10.2.0.4'],
    })
    await here.ip(town.outside, 'route del 10.0.0.0/8')
  })

  test('a DNAT of others is no way round what host, outbound and the metadata rule say', async () => {
    await here.nft(
      town.host,
      `table ip docker { chain pre { type nat hook prerouting priority dstnat;
        tcp dport 8080 dnat to ${server}:80
        ip daddr 169.254.169.254 tcp dport 80 dnat to ${server}
        tcp dport 8081 dnat to 169.254.169.254:80
        tcp dport 8082 dnat to 10.1.0.1:22
        tcp dport 8083 redirect to :22
      }
      }`,
    )
    await town.rules()
    const all = ['tcp:10.1.0.1:8080', `tcp:${uplink}:8080`, 'tcp:169.254.169.254:80', `tcp:${server}:8081`]
    const toHost = [`tcp:${server}:8082`, `tcp:${server}:8083`, 'tcp:10.1.0.1:8083']
    await expectReach(town.ann.namespace, { open: [`tcp:${server}:8080`], silent: [...all, ...toHost] })
    await town.rules({ hostOpen: ['br-1'] })
    await expectReach(town.ann.namespace, {
      open: ['tcp:10.1.0.1:8080', ...toHost],
      silent: [`tcp:${uplink}:8080`, 'tcp:169.254.169.254:80', `tcp:${server}:8081`],
    })
    await here.nft(town.host, 'delete table ip docker')
  })

  test('that nobody listens is told across the host, both ways', async () => {
    await here.ip(town.outside, 'route add 10.0.0.0/8 via 198.51.100.2')
    await town.rules()
    const told = [here.probe(town.host, 'udp:10.1.0.2:7'), here.probe(town.ann.namespace, `udp:${router}:7`)]
    expect(await Promise.all(told)).toEqual(['refused', 'refused'])
    await town.rules({ inbound: ['br-1'], outbound: [] })
    expect(await here.probe(town.outside, 'udp:10.1.0.2:7')).toBe('refused')
    await here.ip(town.outside, 'route del 10.0.0.0/8')
  })

  test('a network that another reaches sees who asks, and not its gateway in his place', async () => {
    await town.rules({ peers: ['br-1', 'br-2'] })
    await here.nft(
      town.cat.namespace,
      'table ip t { chain c { type filter hook input priority 0; ip saddr != 10.1.0.2 udp dport 9 drop; }\n}',
    )
    await expectReach(town.ann.namespace, { open: ['udp:10.2.0.4:9'], silent: [] })
    await here.nft(town.cat.namespace, 'delete table ip t')
  })

  test('the host speaks to its own gateway addresses from them', async () => {
    await town.rules()
    await here.nft(
      town.host,
      'table ip t { chain c { type filter hook input priority 0; iifname "lo" ip daddr 10.1.0.1 ip saddr != 10.1.0.1 drop; }\n}',
    )
    await expectReach(town.host, { open: ['tcp:10.1.0.1:22', 'udp:10.1.0.1:53', 'icmp:10.1.0.1'], silent: [] })
    await here.nft(town.host, 'delete table ip t')
  })
})
