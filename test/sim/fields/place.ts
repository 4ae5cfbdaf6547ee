import type { Fields } from '../../host/stage-manifests.ts'
import { leastOf } from './least.ts'
import { entry, member, type Schema, type Step, stepInto } from './schema.ts'

/** Instead of a value: there is none. */
export const absent = Symbol('absent')

/** The value at a place of an object; `absent` when there is none. */
export function valueAt(object: unknown, steps: readonly Step[]): unknown {
  let here = object
  for (const step of steps) {
    const key = keyOf(here, step)
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, key)) return absent
    here = (here as Record<string | number, unknown>)[key]
  }
  return here
}

/**
 * The object with another value at a place. What is missing on the way is made, with what it cannot be without; of a
 * union the other members go.
 */
export function withValue(
  object: Fields,
  path: string,
  steps: readonly Step[],
  schema: Schema,
  value: unknown,
): Fields {
  const copy = structuredClone(object) as Record<string, unknown>
  put(copy, { path, steps, schema }, value)
  return copy
}

interface Way {
  readonly path: string
  readonly steps: readonly Step[]
  readonly schema: Schema
}

function put(here: Record<string | number, unknown>, { path, steps, schema }: Way, value: unknown): void {
  const [step = '', ...rest] = steps
  const key = keyOf(here, step)
  const next = stepInto(schema, step)
  const at = step === entry || step === member ? `${path}${step}` : `${path}.${step}`
  const union = schema['x-moorage-one-of'] ?? []
  if (union.includes(step)) for (const other of union) if (other !== step) delete here[other]
  if (rest.length === 0) {
    if (value !== absent) here[key] = value
    else if (Array.isArray(here)) here.splice(Number(key), 1)
    else delete here[key]
    return
  }
  if (here[key] === undefined) {
    if (value === absent) return
    here[key] = leastOf(next, at)
  }
  put(here[key] as Record<string, unknown>, { path: at, steps: rest, schema: next }, value)
}

function keyOf(here: unknown, step: Step): string | number {
  if (step === entry) return 0
  if (step !== member) return step
  return Object.keys((here ?? {}) as object)[0] ?? 'k'
}
