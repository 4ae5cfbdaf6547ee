import { textIn } from '../api/loose.ts'
import { isMap } from '../api/rule.ts'
import type { OwnParts } from './status-writer.ts'

/**
 * Our part of a status in one fixed order, so that two of them can be compared as text: the members that are ours, of
 * conditions those of our types, of members that are shared what is not the manager's. What is empty is as if not there.
 */
export function ownPart(status: unknown, own: OwnParts): unknown {
  if (!isMap(status)) return {}
  const part: Record<string, unknown> = {}
  for (const name of own.members.toSorted()) {
    const value = status[name]
    if (value === undefined || value === null) continue
    const ours = name === 'conditions' ? ownConditions(value, own.conditions) : (shared[name]?.(value) ?? value)
    if (isEmpty(ours)) continue
    part[name] = ordered(ours)
  }
  return part
}

/** Members of which the manager writes a part: addresses of interfaces, and the grant of a restart. */
const shared: Readonly<Record<string, (value: unknown) => unknown>> = {
  interfaces: (value) =>
    Array.isArray(value) ? value.filter(isMap).map((each) => ({ ...each, addresses: undefined })) : [],
  restart: (value) => (isMap(value) && value.wanted !== undefined ? { wanted: value.wanted } : []),
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

/** By type: the order of a keyed list is the server's. */
function ownConditions(value: unknown, types: readonly string[]): unknown {
  if (!Array.isArray(value)) return []
  const ours = value.filter((each) => isMap(each) && types.includes(typeOf(each)))
  return ours.toSorted((a, b) => (typeOf(a) < typeOf(b) ? -1 : 1))
}

function typeOf(condition: unknown): string {
  return textIn(condition, 'type') ?? ''
}

/** Members in alphabetical order, all the way down; none that are undefined. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered)
  if (!isMap(value)) return value
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.fromEntries(
    entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, each]) => [name, ordered(each)]),
  )
}
