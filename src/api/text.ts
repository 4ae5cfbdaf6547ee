import * as z from 'zod'
import { type Rule, ruled } from './rule.ts'

// Patterns are read by three engines: JavaScript, RE2 in the API server, ECMA 262 in editors. So: no lookaround, no flags.

/** The pattern of a DNS label (RFC 1123); its length, at most 63, is checked apart. */
export const DNS_LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/

/** Text of at most `max` characters that may hold anything but NUL, which neither argv, nor files of ours, nor SMBIOS take. */
export function text(max: number) {
  return z
    .string()
    .max(max)
    .regex(/^[^\x00]*$/, 'must not contain a NUL character')
}

/** One line of text of at most `max` characters, not empty. */
export function line(max: number) {
  return z
    .string()
    .max(max)
    .regex(/^[^\x00-\x1f\x7f]+$/, 'must be one line of text')
}

/** One line of printable ASCII, as a kernel command line has to be. */
export function ascii(max: number) {
  return z
    .string()
    .max(max)
    .regex(/^[ -~]*$/, 'must be one line of printable ASCII')
}

/** The name of an object or of an entry in a list: a DNS label. */
export function label() {
  return z
    .string()
    .max(63)
    .regex(DNS_LABEL, 'must be a DNS label (a-z, 0-9 and "-", beginning and ending with a letter or digit)')
}

/** The pattern of a DNS subdomain (RFC 1123); its length is checked apart. */
export const DNS_SUBDOMAIN = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/

/** A name that Kubernetes or a network gave: DNS labels with dots between, as of a Secret or a Node. */
export function subdomain(max = 253) {
  return z
    .string()
    .max(max)
    .regex(
      DNS_SUBDOMAIN,
      'must be a DNS subdomain (a-z, 0-9, "-" and ".", beginning and ending with a letter or digit)',
    )
}

/** A uid as API servers and directories give them: a UUID, or what else is printable. */
export function uid() {
  return z
    .string()
    .max(128)
    .regex(/^[!-~]+$/, 'must be printable ASCII without spaces')
}

/** A time as in RFC 3339. */
export function time() {
  return z
    .string()
    .max(64)
    .regex(
      /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$/,
      'must be a time such as 2026-01-31T12:00:00Z',
    )
}

/** Lower-case hex of a SHA-256. */
export function sha256() {
  return z
    .string()
    .max(64)
    .regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in 64 lower-case hex digits')
}

const noParent: Rule = {
  rule: "!self.contains('/../') && !self.endsWith('/..')",
  message: 'must not contain ".." as a folder',
  holds: (value) => typeof value !== 'string' || !(value.includes('/../') || value.endsWith('/..')),
}

/** An absolute path on the host without `..`; at most 1024 of the 4095 bytes that Linux takes, which keeps CEL cheap. */
export function hostPath() {
  return ruled(
    z
      .string()
      .max(1024)
      .regex(/^\/[^\x00-\x1f\x7f]*$/, 'must be an absolute path, beginning with "/"'),
    noParent,
  )
}

const NOT_OURS = ['all', 'default', 'lo']

const notReserved: Rule = {
  rule: `!(self in [${NOT_OURS.map((name) => `'${name}'`).join(', ')}])`,
  message: `must not be ${NOT_OURS.join(', ')}: these names are the kernel's`,
  holds: (value) => typeof value !== 'string' || !NOT_OURS.includes(value),
}

/**
 * A name that a Linux link can have (`dev_valid_name()`: under 16 bytes, no `/`, `:` or space), narrowed to characters that
 * neither ip nor nft read otherwise.
 */
export function linkName() {
  return ruled(
    z
      .string()
      .max(15)
      .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, 'must be an interface name (letters, digits, "-", "_" and ".")'),
    notReserved,
  )
}
