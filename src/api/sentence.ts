import type * as z from 'zod'
import { hint } from './nearest.ts'
import { type Fault, type Path, pathText, shown } from './problem.ts'
import { isMap } from './rule.ts'
import { fieldsAt } from './schema-at.ts'

/** As much of a zod issue as sentences are made of, before or after zod has given it a message. */
interface Issue {
  readonly code?: string | undefined
  readonly input?: unknown
  readonly expected?: string
  readonly origin?: string
  readonly minimum?: number | bigint
  readonly maximum?: number | bigint
  readonly values?: readonly unknown[]
}

const NOUNS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a whole number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
}

/**
 * What a value must be, as a predicate that follows its path: zod's error map. Schemas that know more say it themselves, in
 * the same form.
 */
export function predicate(issue: Issue): string {
  if (issue.input === undefined && issue.code !== 'custom') return 'is required'
  if (issue.input === null) return 'is empty: give it a value or take the line out'
  if (issue.expected === 'string' && typeof issue.input !== 'object') return 'must be text in quotes'
  if (issue.code === 'invalid_type') return `must be ${NOUNS[issue.expected ?? ''] ?? issue.expected}`
  if (issue.code === 'invalid_value') return `must be ${choice(issue.values ?? [])}`
  if (issue.code === 'too_small') return `must ${measure(issue.origin, 'least', issue.minimum ?? 0)}`
  if (issue.code === 'too_big') return `must ${measure(issue.origin, 'most', issue.maximum ?? 0)}`
  return 'is not what this field takes'
}

/** The faults of one zod issue; several when it names several unknown fields. `value` is what was parsed. */
export function faultsOf(issue: z.core.$ZodIssue, value: unknown, schema: z.ZodType, open: boolean): readonly Fault[] {
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)))
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownField([...path, key], schema))
  if (issue.code === 'invalid_key') return [badKey(path, issue.issues[0]?.message, open)]
  const found = valueAt(value, path)
  const message = `${pathText(path) || 'the document'} ${issue.message}${open ? contrast(issue, found) : ''}`
  return [{ path, message }]
}

/** The value at a path; undefined when there is none. */
export function valueAt(value: unknown, path: Path): unknown {
  let here = value
  for (const step of path) {
    if (Array.isArray(here)) here = here[Number(step)]
    else here = isMap(here) && Object.hasOwn(here, step) ? here[step] : undefined
  }
  return here
}

function unknownField(path: Path, schema: z.ZodType): Fault {
  const name = String(path.at(-1))
  const known = fieldsAt(schema, path.slice(0, -1))
  const near = hint(name, known)
  const list = known.length === 0 ? ': there are no fields here' : `: known here: ${known.join(', ')}`
  return { path, message: `unknown field ${pathText(path)}${near || list}`, atKey: true }
}

/** A key of a Secret's data may be a value that slipped: it is not shown. */
function badKey(path: Path, message: string | undefined, open: boolean): Fault {
  const where = pathText(path.slice(0, -1))
  const key = open ? `the key ${shown(path.at(-1))}` : 'a key'
  return { path, message: `${where}: ${key} ${message ?? 'is bad'}`, atKey: true, hideKey: !open }
}

/** `, not VALUE`, with the nearest choice; nothing where the value is absent or the rule is about more than one scalar. */
function contrast(issue: z.core.$ZodIssue, found: unknown): string {
  if (found === undefined || found === null) return ''
  if (issue.code === 'custom' && typeof found === 'object') return ''
  if (issue.message.startsWith('must not')) return ''
  const near = issue.code === 'invalid_value' && typeof found === 'string' ? hint(found, issue.values.map(String)) : ''
  return `, not ${shown(found)}${near}`
}

function choice(values: readonly unknown[]): string {
  return values.length === 1 ? String(values[0]) : `one of ${values.join(', ')}`
}

function measure(origin: string | undefined, end: 'least' | 'most', bound: number | bigint): string {
  const amount = `at ${end} ${bound}`
  if (origin === 'string') return bound === 1 ? 'not be empty' : `have ${amount} characters`
  if (origin === 'array') return `have ${amount} entries`
  return `be ${amount}`
}
