import { checkObject } from '../../src/api/check.ts'
import { crdOf, type JsonSchema } from '../../src/api/crd.ts'
import { ourKinds } from '../../src/api/kinds.ts'
import { manifestOf } from '../../src/api/manifest.ts'
import { isMap } from '../../src/api/rule.ts'
import { type Resource, resourceOf, resources } from '../../src/kubernetes/resource.ts'

/** What a server serves. */
export interface Served extends Resource {
  /** Whether status is written apart, and generation counts the rest. */
  readonly custom: boolean
  /** Field selectors besides those of metadata: `status.nodeName`. */
  readonly selectable: readonly string[]
  /** Of the whole object, as far as server-side apply needs it. */
  readonly schema: JsonSchema
  /** The object as it is stored, with defaults; or what is wrong with it. */
  check(object: Record<string, unknown>): { readonly object: Record<string, unknown> } | { readonly fault: string }
}

const open: JsonSchema = { properties: { metadata: { properties: {} } } }

/** Every kind that is served, by API version and plural. */
export const served: ReadonlyMap<string, Served> = new Map(
  [...ourKinds().map(ours), ...Object.values(resources).map(theirs)].map((each) => [
    `${each.apiVersion}/${each.plural}`,
    each,
  ]),
)

function theirs(resource: Resource): Served {
  return { ...resource, custom: false, selectable: [], schema: open, check: (object) => ({ object }) }
}

function ours(kind: ReturnType<typeof ourKinds>[number]): Served {
  const versions = (crdOf(kind).spec as { versions: { schema: { openAPIV3Schema: JsonSchema } }[] }).versions
  const schema = versions[0]!.schema.openAPIV3Schema
  const status = (schema.properties as Record<string, JsonSchema>).status?.default
  return {
    ...{ ...resourceOf(kind), custom: true, schema },
    selectable: kind.selectable.map((path) => path.replace(/^\./, '')),
    check(object) {
      const found = checkObject(manifestOf(object))
      if ('faults' in found) return { fault: found.faults.map(({ message }) => message).join('; ') }
      // As a server does: the status has a default, and only where there is none.
      return { object: { ...object, spec: (found.object as { spec?: unknown }).spec, status: object.status ?? status } }
    },
  }
}

/** The schema of a member, of the values of a map, or of the entries of a list; empty when it says nothing. */
export function childSchema(schema: JsonSchema, name: string): JsonSchema {
  const properties = isMap(schema.properties) ? schema.properties : {}
  const found = Object.hasOwn(properties, name) ? properties[name] : schema.additionalProperties
  return isMap(found) ? found : {}
}

/** The key of a list that is merged by entry; undefined for every other list. */
export function keyOfList(schema: JsonSchema): string | undefined {
  if (schema['x-kubernetes-list-type'] !== 'map') return undefined
  return (schema['x-kubernetes-list-map-keys'] as string[] | undefined)?.[0]
}
