import * as z from 'zod'
import { type Kind, ourKinds } from './kinds.ts'
import { GROUP, VERSION } from './meta.ts'
import { isMap, ONE_OF_KEY } from './rule.ts'

/** A node of JSON Schema. */
export type JsonSchema = { readonly [key: string]: unknown }

/** The CustomResourceDefinition of a kind, as apiextensions.k8s.io/v1 takes it (a "structural schema"). */
export function crdOf(kind: Kind): JsonSchema {
  const { plural, singular, shortNames, scope, selectable } = kind
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      names: { kind: kind.kind, listKind: `${kind.kind}List`, plural, singular, shortNames, categories: ['moorage'] },
      scope,
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: kind.columns,
          ...(selectable.length > 0 && { selectableFields: selectable.map((jsonPath) => ({ jsonPath })) }),
          schema: { openAPIV3Schema: rootSchema(kind) },
        },
      ],
    },
  }
}

/** The CRDs of all kinds of ours, in the order of the table of kinds. */
export function crds(): readonly JsonSchema[] {
  return ourKinds().map(crdOf)
}

/** zod as JSON Schema, with what both CRDs and editors read. Throws on what JSON Schema cannot say. */
export function jsonSchemaOf(schema: z.ZodType, target: 'openapi-3.0' | 'draft-7'): JsonSchema {
  const json = z.toJSONSchema(schema, { target, io: 'input', reused: 'inline', unrepresentable: 'throw' })
  return json as unknown as JsonSchema
}

function rootSchema({ schema, description }: Kind): JsonSchema {
  return {
    type: 'object',
    description,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string', description: 'Version of the schema of this object.' },
      kind: { type: 'string', description: 'What the object is.' },
      // An API server takes restrictions of the name here, and of nothing else in metadata.
      metadata: { type: 'object', properties: { name: restrictions(schema) } },
      spec: structural(jsonSchemaOf(schema.shape.spec as z.ZodType, 'openapi-3.0')),
      // kstatus reads -1 as "nobody has looked yet"; without it a new object counts as Current.
      status: {
        ...structural(jsonSchemaOf(schema.shape.status as z.ZodType, 'openapi-3.0')),
        default: { observedGeneration: -1 },
      },
    },
  }
}

/** Of the name of the objects. */
function restrictions({ shape }: z.ZodObject): JsonSchema {
  const { name } = (shape.metadata as z.ZodObject).shape
  const { type, maxLength, pattern } = jsonSchemaOf(name as z.ZodType, 'openapi-3.0')
  return { type, maxLength, pattern }
}

/** What of a JSON Schema an API server takes, in the form it wants. Throws on what it would refuse. */
function structural(node: JsonSchema): JsonSchema {
  refuse(node)
  if (node['x-kubernetes-int-or-string'] === true) {
    return { description: node.description, ...node, anyOf: [{ type: 'integer' }, { type: 'string' }] }
  }
  const entries = Object.entries({ description: node.description, type: node.type, ...node })
    .filter(([key, value]) => isKept(key, value, node))
    .map(([key, value]) => [key, child(key, value)])
  return Object.fromEntries(entries)
}

function child(key: string, value: unknown): unknown {
  if (key === 'properties') {
    const properties = value as Record<string, JsonSchema>
    return Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, structural(each)]))
  }
  return (key === 'items' || key === 'additionalProperties') && isMap(value) ? structural(value) : value
}

/** Unknown fields are pruned by the server, integers are 64-bit anyway, and some metadata is for editors. */
function isKept(key: string, value: unknown, node: JsonSchema): boolean {
  if (key === ONE_OF_KEY || value === undefined) return false
  if (key === 'additionalProperties') return node.properties === undefined
  if (key === 'properties') return Object.keys(value as object).length > 0
  return !((key === 'minimum' || key === 'maximum') && Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER)
}

function refuse(node: JsonSchema): void {
  const union = ['anyOf', 'oneOf', 'allOf', '$ref'].find((key) => key in node)
  if (union !== undefined && node['x-kubernetes-int-or-string'] !== true) {
    throw new TypeError(`a CRD cannot hold ${union}: use optional members and a rule (${JSON.stringify(node)})`)
  }
  if (typeof node.pattern === 'string' && /\(\?[=!<]/.test(node.pattern)) {
    throw new TypeError(`a CRD cannot hold lookaround in a pattern: ${node.pattern}`)
  }
}
