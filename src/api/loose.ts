import { parseQuantity } from './quantity.ts'
import { isMap } from './rule.ts'

/** Readers for objects whose shape nobody vouches for: what is not as it should be is as if it were absent. None throws. */

/** A member that is a text, and not an empty one. */
export function textIn(value: unknown, name: string): string | undefined {
  const found = memberOf(value, name)
  return typeof found === 'string' && found !== '' ? found : undefined
}

/** A member that is a whole number from 0. */
export function countIn(value: unknown, name: string): number | undefined {
  const found = memberOf(value, name)
  return typeof found === 'number' && Number.isSafeInteger(found) && found >= 0 ? found : undefined
}

/** A member that is a quantity of bytes below 2^53. */
export function bytesIn(value: unknown, name: string): number | undefined {
  const found = memberOf(value, name)
  if (typeof found !== 'string' && typeof found !== 'number') return undefined
  const bytes = parseQuantity(found)
  return bytes !== undefined && bytes <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(bytes) : undefined
}

/** The texts of a member that is a list. */
export function texts(value: unknown, name: string): readonly string[] {
  const found = memberOf(value, name)
  return Array.isArray(found) ? found.filter((each) => typeof each === 'string') : []
}

/** The texts of a member that is a mapping. */
export function textMapIn(value: unknown, name: string): Readonly<Record<string, string>> {
  const found = memberOf(value, name)
  if (!isMap(found)) return {}
  return Object.fromEntries(
    Object.entries(found).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}

/** What `{ name: NAME }` names; empty when it is nothing of the kind. */
export function nameIn(ref: unknown): string {
  return textIn(ref, 'name') ?? ''
}

/** A member of a mapping. */
export function memberOf(value: unknown, name: string): unknown {
  return isMap(value) && Object.hasOwn(value, name) ? value[name] : undefined
}
