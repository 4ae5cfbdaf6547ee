import { ourKinds } from '../api/kinds.ts'
import { type Resource, resourceOf, resources } from '../kubernetes/resource.ts'
import type { ClusterObjects } from './read.ts'

/** What the manager follows, by kind. */
export const followed: Readonly<Record<keyof ClusterObjects, Resource>> = {
  ...({} as Record<keyof ClusterObjects, Resource>),
  ...Object.fromEntries(ourKinds().map((kind) => [kind.kind, resourceOf(kind)])),
  Role: resources.role,
  RoleBinding: resources.roleBinding,
}

/** The resource of a kind that the manager follows. */
export function resourceFor(kind: string): Resource {
  const found = (followed as Readonly<Record<string, Resource>>)[kind]
  if (found === undefined) throw new Error(`${kind} is no kind that the manager writes`)
  return found
}
