/** Frames byte by byte, in hex, for what no ordinary program would send. */

export interface Addresses {
  readonly to: string
  readonly from: string
}

/** An Ethernet frame, padded to 60 bytes. */
export function ethernet({ to, from }: Addresses, type: number, payload: string): string {
  return (mac(to) + mac(from) + hex(type, 2) + payload).padEnd(120, '0')
}

/** As `ethernet`, with an 802.1Q tag. */
export function tagged(addresses: Addresses, vlan: number, type: number, payload: string): string {
  return ethernet(addresses, 0x8100, hex(vlan, 2) + hex(type, 2) + payload)
}

/** ARP; `mark` goes behind it, into the padding. */
export function arp(
  operation: 'request' | 'reply',
  sender: { readonly mac: string; readonly ip: string },
  target: string,
  mark: string,
): string {
  const op = hex(operation === 'request' ? 1 : 2, 2)
  return `000108000604${op}${mac(sender.mac)}${ip(sender.ip)}${'00'.repeat(6)}${ip(target)}${text(mark)}`
}

export interface PacketOptions {
  readonly protocol: number
  /** IP options, in hex, a multiple of four bytes. */
  readonly options?: string
  /** In units of 8 bytes; the packet is a fragment that is not the first. */
  readonly offset?: number
}

/** An IPv4 packet. */
export function ipv4(
  from: string,
  to: string,
  payload: string,
  { protocol, options = '', offset = 0 }: PacketOptions,
): string {
  const words = 5 + options.length / 8
  const length = words * 4 + payload.length / 2
  const head = (sum: number) =>
    `4${words.toString(16)}00${hex(length, 2)}0000${hex(offset, 2)}40${hex(protocol, 1)}${hex(sum, 2)}${ip(from)}${ip(to)}${options}`
  return head(checksum(head(0))) + payload
}

/** A UDP datagram that holds a text; it has no checksum. */
export function udp(from: number, to: number, data: string): string {
  return `${hex(from, 2)}${hex(to, 2)}${hex(8 + data.length, 2)}0000${text(data)}`
}

/** A TCP segment between two IPv4 addresses, with whatever flags. */
export function tcp(from: string, to: string, ports: readonly [number, number], flags: number, data: string): string {
  const head = (sum: number) =>
    `${hex(ports[0], 2)}${hex(ports[1], 2)}0000000100000001${hex(0x5000 | flags, 2)}ffff${hex(sum, 2)}0000`
  const length = 20 + data.length
  return head(checksum(`${ip(from)}${ip(to)}0006${hex(length, 2)}${head(0)}${text(data)}`)) + text(data)
}

/** An ICMPv6 echo request, with its checksum over the pseudo header (RFC 4443). */
export function echo6(from: string, to: string, data: string): string {
  const whole = (sum: number) => `8000${hex(sum, 2)}00010001${text(data)}`
  return whole(checksum(`${from}${to}${hex(8 + data.length, 4)}0000003a${whole(0)}`))
}

/** An ICMP message with its four bytes after the checksum and what follows. */
export function icmp(type: number, code: number, rest: string, payload: string): string {
  const whole = (sum: number) => hex(type, 1) + hex(code, 1) + hex(sum, 2) + rest + payload
  return whole(checksum(whole(0)))
}

/** An IPv6 packet without extension headers. */
export function ipv6(from: string, to: string, next: number, payload: string): string {
  return `60000000${hex(payload.length / 2, 2)}${hex(next, 1)}ff${from}${to}${payload}`
}

export function text(value: string): string {
  return Buffer.from(value).toString('hex')
}

function mac(value: string): string {
  return value.replaceAll(':', '')
}

function ip(value: string): string {
  return value
    .split('.')
    .map((octet) => hex(Number(octet), 1))
    .join('')
}

function hex(value: number, bytes: number): string {
  return value.toString(16).padStart(bytes * 2, '0')
}

/** RFC 1071. */
function checksum(bytes: string): number {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 4) sum += Number.parseInt(bytes.slice(at, at + 4).padEnd(4, '0'), 16)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16)
  return ~sum & 0xffff
}
