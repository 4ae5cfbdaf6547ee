import type { Kind } from '../api/kinds.ts'

/** A kind as an API server serves it. */
export interface Resource {
  readonly kind: string
  /** `group/version`, or `v1` of the core group. */
  readonly apiVersion: string
  /** As in paths: `microvms`. */
  readonly plural: string
  readonly namespaced: boolean
}

/** An object as an API server sends it; what is below is read loosely, since a newer server may have more. */
export interface ApiObject {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: ApiMeta
  readonly spec?: unknown
  readonly status?: unknown
  readonly [member: string]: unknown
}

export interface ApiMeta {
  readonly name: string
  readonly namespace?: string
  readonly uid: string
  readonly resourceVersion: string
  readonly generation?: number
  /** RFC 3339, as every time of an API server. */
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly finalizers?: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: readonly Readonly<Record<string, unknown>>[]
}

/** Which object; the namespace is empty for cluster-scoped kinds. */
export interface Where {
  readonly namespace?: string
  readonly name?: string
  /** `status`, `token`, ... */
  readonly subresource?: string
}

/** The resource of a kind of ours. */
export function resourceOf({ kind, apiVersion, plural, scope }: Kind): Resource {
  return { kind, apiVersion, plural, namespaced: scope === 'Namespaced' }
}

/** Where requests for it go. Names come from objects of the server, and yet no part of a path may be more than one part. */
export function pathOf({ apiVersion, plural }: Resource, { namespace, name, subresource }: Where = {}): string {
  const root = apiVersion.includes('/') ? '/apis' : '/api'
  const parts = [
    ...(namespace ? ['namespaces', namespace] : []),
    plural,
    ...(name === undefined ? [] : [name]),
    ...(subresource === undefined ? [] : [subresource]),
  ]
  return `${root}/${apiVersion}/${parts.map(encodeURIComponent).join('/')}`
}

/** `Kind/namespace/name`, as everywhere in Moorage. */
export function keyOfObject({ kind }: Resource, { namespace, name }: ApiMeta): string {
  return `${kind}/${namespace ?? ''}/${name}`
}

/** Whether one version of an object comes before another: decimal numbers of any length (KEP-5504). */
export function isOlder(a: string, b: string): boolean {
  return a.length === b.length ? a < b : a.length < b.length
}

const core = (kind: string, plural: string): Resource => ({ kind, apiVersion: 'v1', plural, namespaced: true })
const rbac = (kind: string, plural: string): Resource => {
  return { kind, apiVersion: 'rbac.authorization.k8s.io/v1', plural, namespaced: true }
}

/** Kinds of Kubernetes' own that Moorage reads or writes. */
export const resources = {
  lease: { kind: 'Lease', apiVersion: 'coordination.k8s.io/v1', plural: 'leases', namespaced: true },
  event: { kind: 'Event', apiVersion: 'events.k8s.io/v1', plural: 'events', namespaced: true },
  secret: core('Secret', 'secrets'),
  serviceAccount: core('ServiceAccount', 'serviceaccounts'),
  role: rbac('Role', 'roles'),
  roleBinding: rbac('RoleBinding', 'rolebindings'),
} as const satisfies Record<string, Resource>
