import { isMap } from '../api/rule.ts'
import type { OwnParts } from './status-writer.ts'

/**
 * Our part of a status in one fixed order, so that two of them can be compared as text: the members that are ours, of
 * conditions those of our types, of interfaces all but their addresses, which the manager gives.
 */
export function ownPart(status: unknown, own: OwnParts): unknown {
  if (!isMap(status)) return {}
  const part: Record<string, unknown> = {}
  for (const name of own.members.toSorted()) {
    const value = status[name]
    if (value === undefined || value === null) continue
    const ours =
      name === 'conditions' ? ownConditions(value, own.conditions) : name === 'interfaces' ? unaddressed(value) : value
    if (Array.isArray(ours) && ours.length === 0) continue
    part[name] = ordered(ours)
  }
  return part
}

/** By type: the order of a keyed list is the server's. */
function ownConditions(value: unknown, types: readonly string[]): unknown {
  if (!Array.isArray(value)) return []
  const ours = value.filter((each) => isMap(each) && types.includes(String(each.type)))
  return ours.toSorted((a, b) => (String(a.type) < String(b.type) ? -1 : 1))
}

function unaddressed(value: unknown): unknown {
  if (!Array.isArray(value)) return []
  return value.filter(isMap).map((each) => ({ ...each, addresses: undefined }))
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
