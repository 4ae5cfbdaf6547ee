import type { RuleSets } from '../../src/host-state.ts'
import { emptySets } from '../../src/world/linux/net/nft-sets.ts'
import { linuxNet } from '../../src/world/linux/net.ts'
import type { Net } from '../../src/world/net.ts'
import { text } from './net-frames.ts'
import { commit, type Lab, never, rootOf } from './net-lab.ts'

/** A guest: a namespace whose `eth0` is a veth, which stands in for a TAP. */
export interface Guest {
  readonly namespace: string
  readonly port: string
  readonly bridge: string
  readonly mac: string
  readonly address: string
}

/** A host with two networks, three guests and an uplink, and the outside. */
export interface Town {
  readonly host: string
  readonly outside: string
  readonly net: Net
  readonly ann: Guest
  readonly bob: Guest
  readonly cat: Guest
  /** MAC of a bridge. */
  readonly gateways: Readonly<Record<string, string>>
  /** Everything closed that the API closes by default; `change` opens or closes more. */
  rules(change?: Partial<RuleSets>): Promise<void>
  /** Sends frames and then `last`, which must hold `the last one`: names of those that arrived before it did. */
  arrivals(at: Place, from: Place, frames: Frames, last: Sent): Promise<readonly string[]>
  /** As `arrivals`, with the whole frames, in hex. */
  capture(at: Place, from: Place, frames: readonly string[], last: Sent): Promise<readonly string[]>
}

/** A device of a namespace. */
export type Place = readonly [namespace: string, device: string]

export type Sent = readonly [from: Place, frame: string]

/** By name; each must hold its name in angle brackets. */
export type Frames = Readonly<Record<string, string>>

export const root = rootOf('0c0c0c03')

/** Addresses of the host: on the uplink, and of the two networks. */
export const uplink = '198.51.100.2'
export const gatewayOf = { 'br-1': '10.1.0.1', 'br-2': '10.2.0.1' } as const

/** Somebody out there, his neighbor on the uplink, and the metadata services. */
export const server = '203.0.113.1'
export const router = '198.51.100.1'
export const metadata = ['169.254.169.254', '168.63.129.16', '100.100.100.200', '192.0.0.192']

export async function buildTown(here: Lab): Promise<Town> {
  const host = await here.namespace('host')
  const outside = await here.namespace('outside')
  const net = linuxNet(root, here.host(host))
  await buildUplink(here, host, outside)
  await buildBridges(net)
  const guest = async (port: string, bridge: 'br-1' | 'br-2', last: number): Promise<Guest> => {
    const namespace = await here.namespace(port)
    const address = `${gatewayOf[bridge].replace(/1$/, String(last))}`
    const mac = `02:00:00:00:0${bridge.at(-1)}:0${last}`
    await here.ip(host, `link add name ${port} type veth peer name eth0 netns ${namespace}`)
    await here.ip(
      namespace,
      `link set dev eth0 address ${mac} addrgenmode none`,
      'link set dev eth0 up',
      `addr add ${address}/24 dev eth0`,
      `route add default via ${gatewayOf[bridge]}`,
    )
    await commit(
      net,
      { op: 'setGroup', name: port, group: root.group },
      { op: 'setMaster', name: port, master: bridge },
      { op: 'setUp', name: port },
    )
    return { namespace, port, bridge, mac, address }
  }
  const ann = await guest('vm-ann', 'br-1', 2)
  const bob = await guest('vm-bob', 'br-1', 3)
  const cat = await guest('vm-cat', 'br-2', 4)
  const links = (await net.dump(never)).links
  const gateways = Object.fromEntries(links.filter(({ kind }) => kind === 'bridge').map(({ name, mac }) => [name, mac]))
  const guests = [ann, bob, cat]
  const closed: RuleSets = {
    ...emptySets,
    portMacs: guests.map(({ port, mac }) => `${port} . ${mac}`),
    portAddresses: guests.map(({ port, address }) => `${port} . ${address}`),
    gateways: ['br-1 . 10.1.0.1', 'br-2 . 10.2.0.1'],
    hostServices: ['br-1', 'br-2'],
    outbound: ['br-1', 'br-2'],
    masquerade: ['10.1.0.0/24', '10.2.0.0/24'],
  }
  const capture: Town['capture'] = async ([namespace, device], from, frames, [place, last]) => {
    const index = String(await here.indexOf(namespace, device))
    const { output } = await here.start(namespace, 'sniff', index, 'the last one')
    await here.send(...from, ...frames)
    await here.send(...place, last)
    const lines = (await output).split('\n').filter((line) => /^[0-9a-f]+$/.test(line))
    if (!lines.some((line) => line.includes(text('the last one')))) throw new Error('the last frame did not arrive')
    return lines
  }
  return {
    host,
    outside,
    net,
    ann,
    bob,
    cat,
    gateways,
    rules: (change = {}) => commit(net, { op: 'replaceRules', sets: { ...closed, ...change } }),
    capture,
    async arrivals(at, from, frames, last) {
      const seen = await capture(at, from, Object.values(frames), last)
      const texts = seen.map((frame) => Buffer.from(frame, 'hex').toString('latin1'))
      return Object.keys(frames).filter((name) => texts.some((each) => each.includes(`<${name}>`)))
    },
  }
}

async function buildUplink(here: Lab, host: string, outside: string): Promise<void> {
  await here.ip(host, `link add name up0 type veth peer name in0 netns ${outside}`)
  await here.ip(
    host,
    'link set dev up0 addrgenmode none',
    `addr add ${uplink}/24 dev up0`,
    'link set dev up0 up',
    'route add default via 198.51.100.1',
  )
  await here.ip(
    outside,
    'addr add 198.51.100.1/24 dev in0',
    'link set dev in0 up',
    ...[server, ...metadata].map((address) => `addr add ${address}/32 dev lo`),
  )
}

async function buildBridges(net: Net): Promise<void> {
  for (const [name, address] of Object.entries(gatewayOf)) {
    await commit(
      net,
      { op: 'addBridge', name, alias: `moorage:${root.id}/MicroVMNetwork//${name}`, group: root.group },
      { op: 'addAddress', name, address: `${address}/24` },
      { op: 'setUp', name },
      { op: 'setForwarding', value: true },
    )
  }
}
