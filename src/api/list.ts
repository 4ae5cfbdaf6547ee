import * as z from 'zod'
import { isMap } from './rule.ts'

/** A list whose order matters and which is replaced as a whole. */
export function listOf<T extends z.ZodType>(item: T, max: number) {
  return z.array(item).max(max).meta({ 'x-kubernetes-list-type': 'atomic' })
}

/** A list of scalars without repetition. */
export function setOf<T extends z.ZodType>(item: T, max: number) {
  return z
    .array(item)
    .max(max)
    .meta({ 'x-kubernetes-list-type': 'set' })
    .superRefine(
      (value, context) => {
        for (const [index, entry] of repeated(value)) {
          context.addIssue({ code: 'custom', path: [index], message: `must not repeat ${JSON.stringify(entry)}` })
        }
      },
      { when: () => true },
    )
}

/**
 * A list of mappings with a key, so that server-side apply merges by entry. The first of `keys` is that key; the others are
 * optional fields that may not repeat either.
 */
export function keyedList<T extends z.ZodType>(item: T, keys: readonly [string, ...string[]], max: number) {
  return z
    .array(item)
    .max(max)
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [keys[0]] })
    .superRefine(
      (value, context) => {
        for (const key of keys) {
          for (const [index, entry] of repeated(fieldsOf(value, key))) {
            const message = `must not repeat ${JSON.stringify(entry)}: an earlier entry has it`
            context.addIssue({ code: 'custom', path: [index, key], message })
          }
        }
      },
      { when: () => true },
    )
}

function fieldsOf(list: unknown, key: string): unknown[] {
  return Array.isArray(list) ? list.map((entry) => (isMap(entry) ? entry[key] : undefined)) : []
}

/** The strings of a list that stand there a second time, with their place. Other values are reported apart. */
function repeated(list: unknown): [number, string][] {
  const seen = new Set<string>()
  const again: [number, string][] = []
  for (const [index, entry] of Array.isArray(list) ? list.entries() : []) {
    if (typeof entry !== 'string') continue
    if (seen.has(entry)) again.push([index, entry])
    seen.add(entry)
  }
  return again
}
