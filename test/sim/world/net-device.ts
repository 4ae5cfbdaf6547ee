import { type Cidr, networkOf, parseCidr } from '../../../src/cidr.ts'
import type { Link } from '../../../src/host-state.ts'

/** An IPv4 address of a device, in the order in which they were added. */
export interface DeviceAddress {
  readonly text: string
  /** With its prefix length: the first of a subnet is primary, the others are secondary and go with it. */
  readonly subnet: string
  readonly secondary: boolean
  /** Of host scope, which `dump` does not show. */
  readonly hidden: boolean
}

/** A link as the kernel has it; {@link snapshot} is what of it can be seen. */
export interface Device {
  readonly name: string
  readonly index: number
  readonly kind: string
  readonly mac: string
  readonly user: number | null
  alias: string
  group: number
  mtu: number
  /** A bridge's MTU is the least of its ports until somebody sets it. */
  mtuSet: boolean
  up: boolean
  /** Carrier, which is seen only while it is up. */
  wire: boolean
  master: Device | null
  readonly ports: Set<Device>
  addresses: readonly DeviceAddress[]
  /** Who has the TAP open. */
  holder: { readonly lost: () => void } | null
  seen: Link | null
}

/** The link, the same value until something changes. */
export function snapshot(device: Device): Link {
  device.seen ??= {
    name: device.name,
    index: device.index,
    kind: device.kind,
    alias: device.alias,
    group: device.group,
    master: device.master?.name ?? null,
    mac: device.mac,
    mtu: device.mtu,
    up: device.up,
    carrier: device.up && device.wire,
    user: device.user,
    addresses: device.addresses
      .filter(({ hidden }) => !hidden)
      .map(({ text }) => text)
      .sort(),
  }
  return device.seen
}

/** The address as the device would get it; null for one that the kernel takes and forgets. */
export function addressOn(device: Device, text: string): DeviceAddress | null {
  const cidr = parseCidr(text) as Cidr
  if (cidr.address === 0) return null
  const subnet = networkOf(cidr)
  const secondary = device.addresses.some((other) => !other.secondary && other.subnet === subnet)
  return { text, subnet, secondary, hidden: Math.floor(cidr.address / 2 ** 24) === 127 }
}

/** Least and greatest MTU of a kind; above 2^31 the port refuses what the kernel would. */
export function mtuLimits({ kind }: Device): readonly [number, number] {
  if (kind === 'tun') return [68, 65_521]
  return kind === 'bridge' || kind === 'veth' ? [68, 65_535] : [0, 2 ** 31 - 1]
}

/** A locally administered MAC that no other link has. */
export function macOf(index: number): string {
  const bytes = [24, 16, 8, 0].map((shift) => ((index >>> shift) & 0xff).toString(16).padStart(2, '0'))
  return ['0e', '5a', ...bytes].join(':')
}
