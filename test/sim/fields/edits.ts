import { isDeepStrictEqual } from 'node:util'
import { checkObject } from '../../../src/api/check.ts'
import type { Fields } from '../../host/stage-manifests.ts'
import { baseObjects, subjects } from './base.ts'
import { amounts, forbidden, values } from './hints.ts'
import { anotherOf, leastOf } from './least.ts'
import { absent, valueAt, withValue } from './place.ts'
import { type Field, member, type Schema, schemaOf } from './schema.ts'
import { stringsOf } from './strings.ts'
import { unvaried } from './unvaried.ts'

/** A field with another value, and what the manifests are then. */
export interface Edit {
  readonly field: Field
  /** `= "x"`, short; for people. */
  readonly what: string
  /** The object with it. */
  readonly object: Fields
}

/** What can be done to one field. */
export interface Edits {
  readonly field: Field
  readonly valid: readonly Edit[]
  readonly invalid: readonly Edit[]
}

/** The base with one object in the place of its subject. */
export function objectsWith(kind: keyof typeof subjects, object: Fields): readonly Fields[] {
  return baseObjects().map((one) => (isSubject(one, kind) ? object : one))
}

/** Each value of each kind of value that the schema knows for a field, without those that the base has already. */
export function editsOf(field: Field): Edits {
  const base = subjectOf(field.kind)
  const before = valueAt(base, field.steps)
  const edit = (value: unknown): Edit => {
    const { kind, steps } = field
    return { field, what: shown(value), object: withValue(base, kind, steps, schemaOf(kind), value) }
  }
  const mayBe = unvaried(field.path) === null ? [...validOf(field), ...(field.required ? [] : [absent])] : []
  const wishes = mayBe.filter((value) => !isDeepStrictEqual(value, before)).map(edit)
  const valid = wishes.filter(({ object }) => !isDeepStrictEqual(object, base) && isGood(object))
  // What another field's rule forbids is as bad as what its own does.
  const ruledOut = wishes.filter(({ object }) => !isGood(object))
  const mayNotBe = unvaried(field.path) === null || field.path.includes('.metadata.name') ? invalidOf(field) : []
  const required = field.required && !/[\]}]$/.test(field.path) && !ownDefault(field) ? [absent] : []
  const invalid = [...ruledOut, ...[...mayNotBe, ...required].map(edit).filter(({ object }) => !isGood(object))]
  return { field, valid: distinct(valid), invalid: distinct(invalid) }
}

/** The object whose fields are varied. */
export function subjectOf(kind: Field['kind']): Fields {
  return baseObjects().find((one) => isSubject(one, kind as keyof typeof subjects))!
}

function isSubject({ kind, metadata }: Fields, wanted: keyof typeof subjects): boolean {
  return kind === wanted && (metadata as { name: string }).name === subjects[wanted]
}

function ownDefault({ schema }: Field): boolean {
  return schema.default !== undefined
}

function isGood(object: Fields): boolean {
  return 'object' in checkObject(structuredClone(object))
}

function distinct(edits: readonly Edit[]): readonly Edit[] {
  const seen = new Set<string>()
  return edits.filter(({ object }) => {
    const text = JSON.stringify(object, (_, value: unknown) => (value === undefined ? 'undefined' : value))
    return !seen.has(text) && seen.add(text)
  })
}

function validOf(field: Field): readonly unknown[] {
  const { path, schema } = field
  const own = values[path]
  if (own) return own
  if (schema.const !== undefined) return []
  if (schema.enum) return schema.enum
  if (schema['x-kubernetes-int-or-string']) return [amounts[path]!.min, '96Mi', 100 << 20, '1.5Gi', amounts[path]!.max]
  switch (schema.type) {
    case 'string':
      return stringsOf(schema, path).valid
    case 'boolean':
      return [true, false]
    case 'integer':
      return [schema.minimum!, schema.minimum! + 1, schema.maximum!]
    case 'array':
      return listsOf(field)
    default:
      return schema.propertyNames ? mapsOf(field) : objectsOf(field)
  }
}

function invalidOf(field: Field): readonly unknown[] {
  const { path, schema } = field
  const own = forbidden[path] ?? []
  const wrong = wrongTypes(schema)
  if (schema.enum) return [...own, ...wrong, 'Nonsense', '']
  if (schema['x-kubernetes-int-or-string'])
    return [...own, ...wrong, amounts[path]!.less, amounts[path]!.more, '-1Gi', '0.3Ki', 'much', '', -1, 1.5]
  switch (schema.type) {
    case 'string':
      return [...own, ...wrong, ...stringsOf(schema, path).invalid]
    case 'integer':
      return [...own, ...wrong, schema.minimum! - 1, schema.maximum! + 1, schema.minimum! + 0.5]
    case 'array':
      return [...own, ...wrong, ...badLists(field)]
    case 'object':
      return [...own, ...wrong, ...(schema.propertyNames ? badMaps(field) : badObjects(field))]
    default:
      return [...own, ...wrong]
  }
}

/** A value of each type that is another than the schema's. */
function wrongTypes({ type, ...schema }: Schema): readonly unknown[] {
  if (schema['x-kubernetes-int-or-string']) return [true, null, [], {}]
  const all: readonly [string, unknown][] = [
    ['string', 'text'],
    ['integer', 7],
    ['boolean', true],
    ['array', []],
    ['object', {}],
    ['null', null],
  ]
  return all.flatMap(([name, value]) =>
    name === type || (schema.const !== undefined && name === 'string') ? [] : [value],
  )
}

/** None, one fewer, one more. */
function listsOf({ kind, path, steps, schema }: Field): readonly unknown[] {
  const there = valueAt(subjectOf(kind), steps)
  const list: readonly unknown[] = Array.isArray(there) ? there : []
  const more = anotherOf(schema.items!, `${path}[]`, list.length)
  return [[], list.slice(0, -1), [...list, more], [more, ...list], list.toReversed()]
}

function badLists({ path, schema }: Field): readonly unknown[] {
  const one = (index: number) => anotherOf(schema.items!, `${path}[]`, index)
  const most = schema.maxItems!
  const many = Array.from({ length: most + 1 }, (_, index) => one(index))
  const twice = schema['x-kubernetes-list-type'] === 'atomic' ? [] : [[one(0), one(0)]]
  return [many, [null], ...twice]
}

function mapsOf({ path, schema }: Field): readonly unknown[] {
  const inner = leastOf(schema.additionalProperties as Schema, `${path}${member}`)
  return [{}, { k: inner }, { k: inner, 'k.2': inner }]
}

function badMaps({ path, schema }: Field): readonly unknown[] {
  const inner = leastOf(schema.additionalProperties as Schema, `${path}${member}`)
  const many = Object.fromEntries(Array.from({ length: schema.maxProperties! + 1 }, (_, index) => [`k${index}`, inner]))
  return [...(schema.maxProperties! > 256 ? [] : [many]), { 'a b': inner }, { k: null }]
}

/** What it has now without each optional member is varied with that member; here: the least of it, and each member of a union. */
function objectsOf({ path, schema }: Field): readonly unknown[] {
  const union = schema['x-moorage-one-of'] ?? []
  const least = leastOf(schema, path) as Record<string, unknown>
  if (union.length === 0) return [least]
  const rest = Object.fromEntries(Object.entries(least).filter(([name]) => !union.includes(name)))
  return union.map((name) => ({ ...rest, [name]: leastOf(schema.properties![name]!, `${path}.${name}`) }))
}

function badObjects({ path, schema }: Field): readonly unknown[] {
  const { properties = {}, required = [] } = schema
  const least = leastOf(schema, path) as Record<string, unknown>
  const union = schema['x-moorage-one-of'] ?? []
  const [first, second] = union
  const two =
    first !== undefined && second !== undefined
      ? [{ ...least, [second]: leastOf(properties[second]!, `${path}.${second}`) }]
      : []
  const none = first === undefined ? [] : [Object.fromEntries(Object.entries(least).filter(([name]) => name !== first))]
  const without = required.map((name) => Object.fromEntries(Object.entries(least).filter(([key]) => key !== name)))
  return [{ ...least, nonsense: 1 }, ...two, ...none, ...without]
}

function shown(value: unknown): string {
  if (value === absent) return 'absent'
  const text = JSON.stringify(value) ?? 'undefined'
  return text.length <= 60 ? `= ${text}` : `= ${text.slice(0, 57)}… (${text.length})`
}
