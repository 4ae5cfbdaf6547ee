import * as z from 'zod'
import { type Rule, ruled } from './rule.ts'

const BYTE = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'
const IPV4 = `${BYTE}([.]${BYTE}){3}`
const IPV4_PATTERN = new RegExp(`^${IPV4}$`)
const SUBNET_PATTERN = new RegExp(`^${IPV4}[/]([89]|[12][0-9]|30)$`)
const MAC_PATTERN = /^[0-9A-Fa-f][02468ACEace](:[0-9A-Fa-f]{2}){5}$/

/** An IPv4 subnet as numbers below 2^32: its first address, its last one, and the length of its prefix. */
export interface Subnet {
  readonly first: number
  readonly last: number
  readonly prefix: number
}

/** An IPv4 address as a number below 2^32; undefined when the text is none. */
export function parseIpv4(text: string): number | undefined {
  return IPV4_PATTERN.test(text) ? toNumber(text) : undefined
}

/** A number below 2^32 as an IPv4 address. */
export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.')
}

/** A subnet such as `10.1.0.0/24`, /8 to /30; host bits are cleared. Undefined when the text is none. */
export function parseSubnet(text: string): Subnet | undefined {
  if (!SUBNET_PATTERN.test(text)) return undefined
  const [address = '', length = ''] = text.split('/')
  const size = 2 ** (32 - Number(length))
  const first = toNumber(address) - (toNumber(address) % size)
  return { first, last: first + size - 1, prefix: Number(length) }
}

/** An IPv4 address of one host. */
export function ipv4() {
  return z.string().max(15).regex(IPV4_PATTERN, 'must be an IPv4 address such as 10.1.0.2')
}

/** CEL for the number of the address in `text`: CEL's own addresses cannot be compared, and macros cost too much. */
function celNumber(text: string): string {
  const parts = [16_777_216, 65_536, 256, 1].map((size, at) => `int(${text}.split('.')[${at}]) * ${size}`)
  return `(${parts.join(' + ')})`
}

/** CEL for the first address of the subnet in `text`, and for the number of its addresses: CEL has no powers. */
function celSubnet(text: string): { readonly first: string; readonly size: string } {
  const sizes = Array.from({ length: 23 }, (_, at) => 2 ** (24 - at))
  const [address, prefix] = [`${text}.split('/')[0]`, `${text}.split('/')[1]`]
  return { first: celNumber(address), size: `[${sizes.join(', ')}][int(${prefix}) - 8]` }
}

const net = celSubnet('self.subnet')

/** `gateway`, when it is there, is an address of a host in `subnet`. */
export const gatewayInSubnet: Rule = {
  rule: `!has(self.gateway) || (${celNumber('self.gateway')} > ${net.first} && ${celNumber('self.gateway')} < ${net.first} + ${net.size} - 1)`,
  message: 'must be an address of a host in the subnet',
  fieldPath: '.gateway',
}

/** `first` does not come after `last`. */
export const firstBeforeLast: Rule = {
  rule: `${celNumber('self.first')} <= ${celNumber('self.last')}`,
  message: 'must not come before first',
  fieldPath: '.last',
}

const noHostBits: Rule = {
  rule: `${celSubnet('self').first} % ${celSubnet('self').size} == 0`,
  message: 'must not have host bits set',
}

const unicast: Rule = {
  rule: "!(int(self.split('.')[0]) in [0, 127]) && int(self.split('.')[0]) < 224 && !self.startsWith('169.254.')",
  message: 'must not be loopback, link-local, multicast or reserved',
  holds: (value) => typeof value !== 'string' || !/^(0|127|169[.]254|22[4-9]|2[3-5][0-9])[.]/.test(value),
}

/** An IPv4 subnet without host bits, /8 to /30, of addresses that a host can have. */
export function subnet() {
  const schema = z.string().max(18).regex(SUBNET_PATTERN, 'must be an IPv4 subnet such as 10.1.0.0/24, /8 to /30')
  return ruled(schema, unicast, noHostBits).superRefine((value, context) => {
    const parsed = parseSubnet(value)
    if (parsed === undefined || toNumber(value) === parsed.first) return
    const right = `${formatIpv4(parsed.first)}/${parsed.prefix}`
    context.addIssue({ code: 'custom', message: `must not have host bits set: did you mean ${right}?` })
  })
}

const notZero: Rule = {
  rule: "self != '00:00:00:00:00:00'",
  message: 'must not be all zero',
  holds: (value) => value !== '00:00:00:00:00:00',
}

/** A unicast MAC address (IEEE 802: the lowest bit of its first byte is 0). */
export function mac() {
  const message = 'must be a unicast MAC address such as 02:00:00:00:00:01'
  return ruled(z.string().max(17).regex(MAC_PATTERN, message), notZero)
}

function toNumber(text: string): number {
  const bytes = text.split('/')[0]?.split('.') ?? []
  return bytes.reduce((sum, byte) => sum * 256 + Number(byte), 0)
}
