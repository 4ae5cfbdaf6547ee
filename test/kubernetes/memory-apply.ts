import type { JsonSchema } from '../../src/api/crd.ts'
import { isMap } from '../../src/api/rule.ts'
import { canonical } from '../../src/digest.ts'
import { childSchema, keyOfList } from './memory-schema.ts'

/** A step into a value: a member, or the entry of a list with that key. */
type Step = string | { readonly key: string; readonly is: string }

/** Who owns which fields, by manager: the leaves, and the entries of keyed lists, as JSON of their paths. */
export type Owners = ReadonlyMap<string, ReadonlySet<string>>

/** A value after it was applied, or the fields that others own and that would have changed. */
export type Applied =
  | { readonly value: unknown; readonly owners: Owners }
  | { readonly conflicts: readonly { readonly manager: string; readonly path: string }[] }

/**
 * Server-side apply, with ownership by leaf: what a manager applies is its own; what it applied before and leaves out goes,
 * unless another owns it too. Lists without keys are leaves.
 */
export function apply(
  current: unknown,
  applied: unknown,
  { schema, owners, manager, force }: { schema: JsonSchema; owners: Owners; manager: string; force: boolean },
): Applied {
  const before = fields(current, schema)
  const wanted = fields(applied, schema)
  const next = new Map([...owners].map(([name, paths]) => [name, new Set(paths)]))
  const mine = next.get(manager) ?? new Set()
  const conflicts: { manager: string; path: string }[] = []
  for (const [path, { value, isEntry }] of wanted) {
    if (isEntry || canonical(before.get(path)?.value ?? null) === canonical(value ?? null)) continue
    for (const [name, paths] of next) {
      if (name === manager || !paths.has(path)) continue
      if (force) paths.delete(path)
      else conflicts.push({ manager: name, path })
    }
  }
  if (conflicts.length > 0) return { conflicts }
  let result = current
  const left = [...mine].filter(
    (path) => !wanted.has(path) && ![...next].some(([n, p]) => n !== manager && p.has(path)),
  )
  // An entry goes whole, before its members, of which one is its key.
  for (const path of left.sort((a, b) => stepsOf(a).length - stepsOf(b).length)) {
    if (before.has(path)) result = removed(result, stepsOf(path))
  }
  for (const [path, { value, isEntry }] of wanted) {
    // An empty list is merged with what is there, and only then do the entries go that were the manager's: with the last
    // of them the list goes too, and `[]` where there was something ends as nothing at all.
    const had = isEmpty(value) && [...before.keys()].some((each) => each.startsWith(`${path.slice(0, -1)},`))
    if (!isEntry && !had) result = set(result, stepsOf(path), value)
  }
  next.set(manager, new Set(wanted.keys()))
  return { value: result, owners: next }
}

/** Ownership after somebody wrote without applying: what changed is his, what went is nobody's. */
export function overwrite(
  before: unknown,
  after: unknown,
  schema: JsonSchema,
  owners: Owners,
  manager: string,
): Owners {
  const [was, is] = [fields(before, schema), fields(after, schema)]
  const changed = [...is].filter(
    ([path, { value }]) => canonical(was.get(path)?.value ?? null) !== canonical(value ?? null),
  )
  const touched = new Set([...changed.map(([path]) => path), ...[...was.keys()].filter((path) => !is.has(path))])
  const next = new Map<string, Set<string>>()
  for (const [name, paths] of owners) next.set(name, new Set([...paths].filter((path) => !touched.has(path))))
  const mine = next.get(manager) ?? new Set()
  next.set(manager, new Set([...mine, ...changed.map(([path]) => path)]))
  return next
}

interface Field {
  /** Of an entry of a list: null. */
  readonly value: unknown
  readonly isEntry: boolean
}

function fields(value: unknown, schema: JsonSchema, at: readonly Step[] = []): Map<string, Field> {
  const key = keyOfList(schema)
  if (Array.isArray(value) && key !== undefined && value.length > 0) {
    const items = (isMap(schema.items) ? schema.items : {}) as JsonSchema
    return new Map(
      value.flatMap((entry): [string, Field][] => {
        const path = [...at, { key, is: String((entry as Record<string, unknown>)[key]) }]
        return [[JSON.stringify(path), { value: null, isEntry: true }], ...fields(entry, items, path)]
      }),
    )
  }
  if (isMap(value) && (Object.keys(value).length > 0 || at.length === 0)) {
    return new Map(
      Object.entries(value).flatMap(([name, each]) => [...fields(each, childSchema(schema, name), [...at, name])]),
    )
  }
  return value === undefined ? new Map() : new Map([[JSON.stringify(at), { value, isEntry: false }]])
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

function stepsOf(path: string): readonly Step[] {
  return JSON.parse(path) as Step[]
}

function set(value: unknown, [step, ...rest]: readonly Step[], to: unknown): unknown {
  if (step === undefined) return to
  if (typeof step === 'string') {
    const map = isMap(value) ? value : {}
    return { ...map, [step]: set(map[step], rest, to) }
  }
  const list = Array.isArray(value) ? (value as Record<string, unknown>[]) : []
  const found = list.findIndex((entry) => String(entry[step.key]) === step.is)
  if (found < 0) return [...list, set({}, rest, to)]
  return list.map((entry, index) => (index === found ? set(entry, rest, to) : entry))
}

/** Without what is there; a map or list that gets empty by it goes too. */
function removed(value: unknown, [step, ...rest]: readonly Step[]): unknown {
  if (step === undefined) return undefined
  if (typeof step === 'string') {
    if (!isMap(value) || !Object.hasOwn(value, step)) return value
    const { [step]: inner, ...others } = value
    const left = removed(inner, rest)
    if (left !== undefined) return { ...others, [step]: left }
    return Object.keys(others).length === 0 && rest.length === 0 ? undefined : others
  }
  if (!Array.isArray(value)) return value
  const left = value.flatMap((entry: Record<string, unknown>) => {
    if (String(entry[step.key]) !== step.is) return [entry]
    const inner = removed(entry, rest)
    return inner === undefined ? [] : [inner]
  })
  return left.length === 0 ? undefined : left
}
