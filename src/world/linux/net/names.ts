import { createHash } from 'node:crypto'
import { networkOf, parseAddress, parseCidr } from '../../../cidr.ts'

/** Interface names that ip(8) and nft(8) both take as they are; IFNAMSIZ leaves 15 bytes. */
export const linkNamePattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/

/** `ifalias` text that needs no quoting in a batch of ip(8), where `#`, quotes and `\` mean something; at most 255. */
export const aliasPattern = /^[A-Za-z0-9_:/.-]{1,255}$/

/** `02:00:00:00:00:01`, as the kernel writes it. */
export const macPattern = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/

/** `10.1.0.2`. */
export function isAddress(text: string): boolean {
  return parseAddress(text) !== null
}

/** `10.1.0.1/24`. */
export function isCidr(text: string): boolean {
  return parseCidr(text) !== null
}

/** `10.1.0.0/24`: a CIDR without host bits, which is how nft(8) lists it. */
export function isSubnet(text: string): boolean {
  const cidr = parseCidr(text)
  return cidr !== null && networkOf(cidr) === text
}

/**
 * MAC of a bridge: locally administered and derived from whose it is, because a bridge without one of its own takes
 * the lowest of its ports and changes it as they come and go, under the ARP caches of all guests.
 */
export function bridgeMac(alias: string): string {
  const bytes = createHash('sha256').update(alias).digest().subarray(0, 6)
  bytes[0] = (bytes[0]! & 0xfc) | 0x02
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
}
