import type * as z from 'zod'
import { type AnyObject, KINDS, type Kind, kindOf } from './kinds.ts'
import { hint } from './nearest.ts'
import { clipped, type Fault, type Path, shown } from './problem.ts'
import { isMap } from './rule.ts'
import { faultsOf, predicate, valueAt } from './sentence.ts'

/** How many faults of one object are told; the rest are counted. */
export const MAX_FAULTS = 50

const KIND_NAMES = KINDS.map(({ kind }) => kind)
const KNOWN = `write one of ${KIND_NAMES.join(', ')}`

/** An object that keeps its schema, with the defaults that are part of the version; or what is wrong with it. */
export type Checked = { readonly object: AnyObject } | { readonly faults: readonly Fault[] }

/** Checks plain data, as JSON or YAML give it, against the schema of the kind that it says it is. Never throws. */
export function checkObject(value: unknown): Checked {
  if (!isMap(value)) return fault([], 'a document must be a mapping with apiVersion, kind, metadata and spec')
  const kind = kindOfValue(value)
  if ('faults' in kind) return kind
  const result = kind.schema.safeParse(value, { error: predicate as z.core.$ZodErrorMap })
  if (result.success) return { object: result.data as AnyObject }
  const faults = result.error.issues.flatMap((issue) => faultsOf(issue, value, kind.schema, isOpen(kind, issue.path)))
  return { faults: bounded(onePerScalar(faults, value).map((each) => inNoNamespace(each, kind))) }
}

function kindOfValue(value: Record<string, unknown>): Kind | { readonly faults: readonly Fault[] } {
  const [apiVersion, name] = [value.apiVersion, value.kind]
  if (name === undefined) return fault([], `kind is required: ${KNOWN}`)
  if (typeof name !== 'string') return fault(['kind'], `kind must be text: ${KNOWN}`)
  const kind = kindOf(name)
  const near = hint(name, KIND_NAMES)
  if (kind === undefined)
    return fault(
      ['kind'],
      `kind ${/^[\w.-]*$/.test(name) ? clipped(name) : shown(name)} is not known here${near || `: ${KNOWN}`}`,
    )
  if (apiVersion === kind.apiVersion) return kind
  const said = apiVersion === undefined ? 'is required' : 'is not the one'
  return fault(
    apiVersion === undefined ? [] : ['apiVersion'],
    `apiVersion ${said}: for ${name} write ${kind.apiVersion}`,
  )
}

/** What a cluster-scoped object cannot have gets its reason. */
function inNoNamespace(each: Fault, kind: Kind): Fault {
  if (kind.scope === 'Namespaced' || each.path.join('.') !== 'metadata.namespace') return each
  return { ...each, message: `metadata.namespace must be left out: a ${kind.kind} belongs to no namespace` }
}

/** Whether sentences may quote the value: not what could be a secret, also where it slipped a level. */
function isOpen(kind: Kind, path: readonly PropertyKey[]): boolean {
  if (kind.kind === 'Secret') return path[0] === 'metadata' && path[1] !== 'annotations'
  return !(path[0] === 'spec' && (path.length === 1 || path[1] === 'credentials' || path[1] === 'oemStrings'))
}

/** A scalar that breaks several rules gets the first one's sentence: mending that one changes the others. */
function onePerScalar(faults: readonly Fault[], value: unknown): readonly Fault[] {
  const told = new Set<string>()
  return faults.filter(({ path }) => {
    const found = valueAt(value, path)
    if (typeof found === 'object' && found !== null) return true
    const key = JSON.stringify(path)
    return !told.has(key) && told.add(key)
  })
}

function bounded(faults: readonly Fault[]): readonly Fault[] {
  if (faults.length <= MAX_FAULTS) return faults
  const rest = faults.length - MAX_FAULTS
  return [...faults.slice(0, MAX_FAULTS), { path: [], message: `${rest} more problems in this document are not shown` }]
}

function fault(path: Path, message: string): { readonly faults: readonly Fault[] } {
  return { faults: [{ path, message }] }
}
