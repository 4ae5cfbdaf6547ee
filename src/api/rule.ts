import type * as z from 'zod'

/**
 * A rule over one value, written twice: as CEL for the API server, as a function for manifests in a directory. Both say
 * the same (test/api/rule.test.ts); `message` is a predicate, so that it reads after the path of the value.
 */
export interface Rule {
  /** CEL over `self`; only what API servers since 1.31 know, which is what selectable fields need, too. */
  readonly rule: string
  /** What the value must be or have, e.g. `must have exactly one of state, ephemeral`. */
  readonly message: string
  /**
   * The same in TypeScript. The value may be of any shape: its other faults are reported apart. Absent where the schema
   * itself says it with a better sentence, which begins with `message`.
   */
  readonly holds?: (value: unknown) => boolean
  /** Member of the value that the message is about, as in `.gateway`; API servers since 1.28 tell it. */
  readonly fieldPath?: string
}

/** The key under which JSON Schema and CRDs carry CEL rules. */
export const RULES_KEY = 'x-kubernetes-validations'

/** The key under which an exactly-one-of union is kept for editors; the CRD has the CEL rule instead. */
export const ONE_OF_KEY = 'x-moorage-one-of'

/** Attaches rules to a schema: as metadata for the CRD, as checks for manifests, also when the value has other faults. */
export function ruled<T extends z.ZodType>(schema: T, ...rules: readonly Rule[]): T {
  const data = rules.map(({ rule, message, fieldPath }) => ({ rule, message, ...(fieldPath && { fieldPath }) }))
  return schema.meta({ ...schema.meta(), [RULES_KEY]: [...existing(schema), ...data] }).superRefine(
    (value, context) => {
      for (const { holds, message } of rules) {
        if (holds && !holds(value)) context.addIssue({ code: 'custom', message })
      }
    },
    { when: () => true },
  ) as T
}

/** A union as an object with optional members, of which exactly one is there: the only kind of union a CRD can hold. */
export function exactlyOneOf<T extends z.ZodType>(schema: T, names: readonly string[]): T {
  const terms = names.map((name) => `(has(self.${name}) ? 1 : 0)`)
  const rule = {
    rule: names.length === 1 ? `has(self.${names[0]})` : `${terms.join(' + ')} == 1`,
    message: names.length === 1 ? `must have ${names[0]}` : `must have exactly one of ${names.join(', ')}`,
    holds: (value: unknown) => !isMap(value) || names.filter((name) => value[name] !== undefined).length === 1,
  }
  return ruled(schema, rule).meta({ [ONE_OF_KEY]: names }) as T
}

/** Whether a value is a mapping: neither null, nor a list, nor a scalar. */
export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A member of a value that should be a list of mappings; everything else in it is left out. */
export function mapsIn(value: unknown, name: string): readonly Record<string, unknown>[] {
  const list = isMap(value) ? value[name] : undefined
  return Array.isArray(list) ? list.filter(isMap) : []
}

function existing(schema: z.ZodType): readonly { rule: string; message: string }[] {
  return (schema.meta()?.[RULES_KEY] as { rule: string; message: string }[] | undefined) ?? []
}
