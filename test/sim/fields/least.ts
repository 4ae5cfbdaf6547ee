import { amounts, leasts } from './hints.ts'
import type { Schema } from './schema.ts'
import { stringsOf } from './strings.ts'

/** The least valid value of a schema: what it cannot be without. `path` as in `MicroVM.spec.disks[]`. */
export function leastOf(schema: Schema, path: string): unknown {
  if (Object.hasOwn(leasts, path)) return structuredClone(leasts[path])
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return schema.enum[0]
  if (schema['x-kubernetes-int-or-string']) return amounts[path]?.min
  if (schema.type === 'array') return []
  if (schema.type === 'boolean') return false
  if (schema.type === 'integer' || schema.type === 'number') return schema.minimum ?? 0
  if (schema.type === 'string') return stringsOf(schema, path).valid[0]
  const { properties = {}, required = [] } = schema
  const [union] = schema['x-moorage-one-of'] ?? []
  const names = union === undefined ? required : [...required, union]
  return Object.fromEntries(names.map((name) => [name, leastOf(properties[name]!, `${path}.${name}`)]))
}

/** One more entry for a list that has `count`: valid, and like none of them. */
export function anotherOf(schema: Schema, path: string, count: number): unknown {
  const made = leastOf(schema, path)
  if (typeof made === 'string') return schema.enum ? made : `${made}${count}`
  if (typeof made !== 'object' || made === null) return made
  const named = made as Record<string, unknown>
  for (const key of ['name', 'disk']) if (key in named) named[key] = `more${count}`
  return named
}
