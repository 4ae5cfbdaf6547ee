import type { AnyObject } from '../api/kinds.ts'
import type { Random } from '../world/clock.ts'

/** A random uid: a UUID of version 4 (RFC 9562). */
export function mintUid(random: Random): string {
  const bytes = Buffer.from(random.bytes(16))
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** Whether two versions want the same: everything but metadata and status, whatever the order and the comments. */
export function sameContent(a: AnyObject, b: AnyObject): boolean {
  return same(contentOf(a), contentOf(b))
}

/** Whether two versions are the same object in every way, labels and annotations included. */
export function sameObject(a: AnyObject, b: AnyObject): boolean {
  if (twins.get(a) === b) return true
  const equal = same(a.metadata, b.metadata) && sameContent(a, b)
  if (equal) twins.set(a, b)
  return equal
}

// After a restart the accepted version and the one in the manifest are two values: compared once, not in every pass.
const twins = new WeakMap<AnyObject, AnyObject>()

function contentOf(object: AnyObject): unknown {
  const { metadata: _metadata, status: _status, ...content } = object as AnyObject & { status?: unknown }
  return content
}

/** Equality of plain data; a member that is undefined is as one that is not there, as in JSON. */
function same(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const [left, right] = [entries(a), entries(b)]
  if (left.length !== right.length) return false
  const other = new Map(right)
  return left.every(([name, value]) => other.has(name) && same(value, other.get(name)))
}

function entries(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, member]) => member !== undefined)
}
