import { jsonSchemaOf } from '../../../src/api/crd.ts'
import { KINDS, type KindName } from '../../../src/api/kinds.ts'

/** As much of JSON Schema as zod makes of our kinds. */
export interface Schema {
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Schema | boolean
  readonly propertyNames?: Schema
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly pattern?: string
  readonly maxLength?: number
  readonly maxItems?: number
  readonly maxProperties?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly 'x-moorage-one-of'?: readonly string[]
  readonly 'x-kubernetes-int-or-string'?: boolean
  readonly 'x-kubernetes-list-type'?: string
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-validations'?: readonly { readonly message: string }[]
}

/** A step into a value: a member by name, the first entry of a list, any entry of a mapping. */
export type Step = string

export const entry: Step = '[]'
export const member: Step = '{}'

/** One place of a kind where a user may write something. */
export interface Field {
  readonly kind: KindName
  /** `MicroVM.spec.disks[].name` */
  readonly path: string
  readonly steps: readonly Step[]
  readonly schema: Schema
  readonly required: boolean
}

/** Kinds that one host alone takes and does nothing with; an API server is asked about them (test/kubernetes). */
const clusterOnly: ReadonlySet<KindName> = new Set(['MicroVMRollout', 'MicroVMShare', 'MicroVMTenant', 'MicroVMHost'])

/** Kinds that users write; the rest is made by the controller. */
export const written = KINDS.filter(({ kind }) => kind !== 'MicroVMVolume' && !clusterOnly.has(kind))

const roots = new Map(written.map((kind) => [kind.kind, jsonSchemaOf(kind.schema, 'draft-7') as Schema]))

/** What a whole object of a kind looks like. */
export function schemaOf(kind: KindName): Schema {
  return roots.get(kind)!
}

/** Every field of every kind that users write, leaves and what holds them. `status` is not the user's. */
export function allFields(): readonly Field[] {
  return written.flatMap(({ kind }) =>
    fieldsIn({ kind, path: kind, steps: [], schema: schemaOf(kind), required: true }).slice(1),
  )
}

function fieldsIn(field: Field): Field[] {
  return [field, ...stepsOf(field.schema).flatMap(([step, schema, required]) => inside(field, step, schema, required))]
}

function inside(above: Field, step: Step, schema: Schema, required: boolean): Field[] {
  if (above.steps.length === 0 && step === 'status') return []
  const path = step === entry || step === member ? `${above.path}${step}` : `${above.path}.${step}`
  return fieldsIn({ kind: above.kind, path, steps: [...above.steps, step], schema, required })
}

/** What can be stepped into. */
export function stepsOf({ properties = {}, required = [], items, additionalProperties }: Schema) {
  const found: [Step, Schema, boolean][] = Object.entries(properties).map(([name, schema]) => [
    name,
    schema,
    required.includes(name),
  ])
  if (items) found.push([entry, items, true])
  if (typeof additionalProperties === 'object' && Object.keys(additionalProperties).length > 0)
    found.push([member, additionalProperties, true])
  return found
}

/** The schema one step on. */
export function stepInto(schema: Schema, step: Step): Schema {
  return stepsOf(schema).find(([name]) => name === step)?.[1] ?? {}
}
