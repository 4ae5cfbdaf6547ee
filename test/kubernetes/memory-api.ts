import { isMap } from '../../src/api/rule.ts'
import { canonical } from '../../src/digest.ts'
import type { ApiObject } from '../../src/kubernetes/resource.ts'
import type { ApiReply, ApiRequest, ApiServer, ApiWatch } from '../../src/world/api-server.ts'
import type { Clock, Random } from '../../src/world/clock.ts'
import { apply, overwrite } from './memory-apply.ts'
import { type Served, served } from './memory-schema.ts'
import { MemoryStore, type Selected, type Stored, selectorOf } from './memory-store.ts'
import { watchStore } from './memory-watch.ts'

/**
 * A Kubernetes API server in memory, deterministic: time and chance are handed in, and nothing waits for anything but its
 * turn. It has what Moorage uses: versions, generations, uids, finalizers, preconditions, merge patch, server-side apply with
 * ownership by leaf, selectors, paging, watches with history, and 410 after a compaction. It has no admission, no RBAC, no
 * garbage collection, and every namespace is there. `api.test.ts` holds it to what a real one does.
 */
export interface MemoryApi extends ApiServer {
  /** Forgets history: watches and pages from before are Expired. */
  compact(): void
  /** Breaks every open watch. */
  cut(): void
  /** Sends a bookmark to every watch that asked for such. */
  bookmark(): void
  /** Requests that changed something, in order: `PATCH /apis/...`. */
  readonly writes: readonly string[]
}

type Members = Record<string, unknown>

export interface MemoryApiOptions {
  readonly store?: MemoryStore
  /** By how many versions a cache lags from which a list is answered that takes any version (`resourceVersion=0`). */
  readonly lag?: () => number
}

export function memoryApi(
  clock: Clock,
  random: Random,
  { store = new MemoryStore(), lag = () => 0 }: MemoryApiOptions = {},
): MemoryApi {
  const pages = new Map<string, { readonly items: readonly ApiObject[]; readonly version: number }>()
  const watches = new Set<{ cut(): void; bookmark(): void }>()
  const writes: string[] = []

  const server: MemoryApi = {
    address: 'memory',
    writes,
    async send(request, signal) {
      signal.throwIfAborted()
      await Promise.resolve()
      const version = store.version
      const answer = structuredClone(handle(request))
      if (store.version !== version) writes.push(`${request.method} ${request.path}`)
      return answer
    },
    async watch(request, signal): Promise<ApiWatch> {
      signal.throwIfAborted()
      await Promise.resolve()
      const where = whereOf(request.path)
      if (where === null) return { reply: refusal(404, 'NotFound', `${request.path} is not served`), events: null }
      const selected = selectorOf(where.resource, request.query ?? {})
      if (typeof selected === 'string') return { reply: refusal(400, 'BadRequest', selected), events: null }
      const watch = watchStore({ store, clock, where, selected, query: request.query ?? {}, signal })
      watches.add(watch)
      watch.ended.then(() => watches.delete(watch)).catch(() => {})
      return { reply: null, events: watch.events }
    },
    compact() {
      store.compact()
      pages.clear()
    },
    cut: () => {
      for (const watch of watches) watch.cut()
    },
    bookmark: () => {
      for (const watch of watches) watch.bookmark()
    },
  }

  function handle({ method, path, query = {}, body, contentType }: ApiRequest): ApiReply {
    const where = whereOf(path)
    if (where === null) return refusal(404, 'NotFound', `the server could not find the requested resource ${path}`)
    const { resource, namespace = '', name, subresource } = where
    if (name === undefined) {
      if (method === 'GET') return list(where, query)
      if (method === 'POST') return create(resource, namespace, body as Members)
      return refusal(405, 'MethodNotAllowed', `${method} is not allowed here`)
    }
    const stored = store.get(resource, namespace, name)
    if (method === 'PATCH' && contentType === 'application/apply-patch+yaml') {
      return applyPatch(where, stored, body as Members, query)
    }
    if (stored === undefined) return refusal(404, 'NotFound', `${resource.plural} "${name}" not found`)
    switch (method) {
      case 'GET':
        return reply(200, stored.object)
      case 'DELETE':
        return remove(resource, stored, body)
      case 'PUT':
        return write(resource, stored, body as Members, subresource, { isVersioned: true, isReplaced: true })
      case 'PATCH': {
        const next = merged(stored.object, body) as Members
        const isVersioned = isMap(body) && hasVersion(body)
        return write(resource, stored, next, subresource, { isVersioned, isReplaced: false })
      }
      default:
        return refusal(405, 'MethodNotAllowed', `${method} is not allowed here`)
    }
  }

  function list({ resource, namespace }: Where, query: Readonly<Record<string, string>>): ApiReply {
    const selected = selectorOf(resource, query)
    if (typeof selected === 'string') return refusal(400, 'BadRequest', selected)
    const before = query.continue === undefined ? undefined : pages.get(query.continue)
    if (query.continue !== undefined && before === undefined) {
      return refusal(410, 'Expired', 'The provided continue parameter is too old')
    }
    const { items, version } = before ?? snapshot(resource, namespace, selected, query.resourceVersion === '0')
    const limit = Number(query.limit ?? 0) || items.length
    const rest = items.slice(limit)
    const token = rest.length > 0 ? `${version}/${items[limit - 1]?.metadata.uid}` : ''
    if (rest.length > 0) pages.set(token, { items: rest, version })
    const metadata = { resourceVersion: String(version), ...(token !== '' && { continue: token }) }
    const kind = `${resource.kind}List`
    return reply(200, { apiVersion: resource.apiVersion, kind, metadata, items: items.slice(0, limit) })
  }

  function snapshot(resource: Served, namespace: string | undefined, selected: Selected, mayBeOld: boolean) {
    const version = mayBeOld ? Math.max(store.version - lag(), store.compacted, 1) : store.version
    return { items: store.listAt(resource, namespace, version).filter(selected), version }
  }

  function create(resource: Served, namespace: string, body: Members): ApiReply {
    const meta = (body.metadata ?? {}) as Members
    const name = String(meta.name ?? '')
    if (store.get(resource, namespace, name) !== undefined) {
      return refusal(409, 'AlreadyExists', `${resource.plural} "${name}" already exists`)
    }
    const { status, ...rest } = body
    const fresh = { ...(resource.custom ? rest : { ...rest, ...(status !== undefined && { status }) }) }
    const object = { ...fresh, metadata: newMeta(resource, namespace, meta) }
    return put(resource, object, new Map(), 201)
  }

  function newMeta({ custom, namespaced }: Served, namespace: string, meta: Members): Members {
    const { uid: _uid, resourceVersion: _version, deletionTimestamp: _deletion, ...given } = meta
    return {
      ...given,
      ...(namespaced && { namespace }),
      uid: uuid(random),
      creationTimestamp: seconds(clock),
      ...(custom && { generation: 1 }),
    }
  }

  /** Checks and stores. */
  function put(resource: Served, object: Members, owners: Stored['owners'], status: number): ApiReply {
    const head = { apiVersion: resource.apiVersion, kind: resource.kind }
    const checked = resource.check({ ...head, ...object })
    if ('fault' in checked) return refusal(422, 'Invalid', checked.fault)
    return reply(status, store.put(resource, checked.object as unknown as ApiObject, owners))
  }

  /** An object in the place of another. What may not be written this way stays as it is. */
  function write(
    resource: Served,
    { object: before, owners }: Stored,
    next: Members,
    subresource: string | undefined,
    { isVersioned, isReplaced }: { readonly isVersioned: boolean; readonly isReplaced: boolean },
    owned?: Stored['owners'],
  ): ApiReply {
    const meta = (next.metadata ?? {}) as Members
    const isStatus = subresource === 'status'
    const stale = staleness(resource, before, { resourceVersion: isVersioned ? meta.resourceVersion : undefined })
    if (stale !== null) return stale
    if (!isStatus && meta.uid !== undefined && meta.uid !== before.metadata.uid) {
      if (isReplaced) return refusal(409, 'Conflict', `the UID in the precondition is not that of the object`)
      return refusal(422, 'Invalid', 'metadata.uid: field is immutable')
    }
    const content = isStatus ? { ...before, status: next.status } : withoutStatus(resource, before, next)
    const metadata = isStatus ? before.metadata : keptMeta(before, meta)
    const added = (metadata.finalizers ?? []).filter((each) => !before.metadata.finalizers?.includes(each))
    if (before.metadata.deletionTimestamp !== undefined && added.length > 0) {
      return refusal(422, 'Invalid', `metadata.finalizers: Forbidden: no new finalizers can be added: ${added.join()}`)
    }
    const after = { ...content, metadata } as ApiObject
    if (canonical(after) === canonical(before)) {
      if (owned !== undefined)
        Object.assign(store.get(resource, before.metadata.namespace ?? '', before.metadata.name)!, { owners: owned })
      return reply(200, before)
    }
    const changed = canonical(specOf(after)) !== canonical(specOf(before))
    const generation = (before.metadata.generation ?? 1) + (changed ? 1 : 0)
    const whole = { ...after, metadata: { ...metadata, ...(resource.custom && { generation }) } }
    if (metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).length === 0) {
      return reply(200, store.remove(resource, whole))
    }
    const whose = owned ?? overwrite(before, whole, resource.schema, owners, `update:${subresource ?? ''}`)
    return put(resource, whole as unknown as Members, whose, 200)
  }

  function applyPatch(
    where: Where,
    stored: Stored | undefined,
    body: Members,
    query: Readonly<Record<string, string>>,
  ) {
    const { resource, namespace = '', name = '', subresource } = where
    const meta = (body.metadata ?? {}) as Members
    const manager = `${query.fieldManager}/${subresource ?? ''}`
    const applied = subresource === 'status' ? { status: body.status } : ownable(resource, body)
    if (stored === undefined) {
      if (subresource !== undefined) return refusal(404, 'NotFound', `${resource.plural} "${name}" not found`)
      if (meta.uid !== undefined) return refusal(409, 'Conflict', `uid mismatch: no existing object was found`)
      const first = apply({}, applied, { schema: resource.schema, owners: new Map(), manager, force: true })
      const owners = 'owners' in first ? first.owners : new Map()
      return put(resource, { ...body, metadata: newMeta(resource, namespace, meta) }, owners, 201)
    }
    // As a real server: it looks at the uid of what is applied only where the object itself is.
    const uid = subresource === undefined ? meta.uid : undefined
    const stale = staleness(resource, stored.object, { uid, resourceVersion: meta.resourceVersion })
    if (stale !== null) return stale
    const force = query.force === 'true'
    const given = { isVersioned: false, isReplaced: false }
    const result = apply(stored.object, applied, { schema: resource.schema, owners: stored.owners, manager, force })
    if ('conflicts' in result) {
      const [first] = result.conflicts
      return refusal(409, 'Conflict', `Apply failed with 1 conflict: conflict with "${first?.manager}": ${first?.path}`)
    }
    return write(resource, stored, result.value as Members, subresource, given, result.owners)
  }

  function remove(resource: Served, { object, owners }: Stored, body: unknown): ApiReply {
    const only = isMap(body) && isMap(body.preconditions) ? body.preconditions : {}
    const stale = staleness(resource, object, only)
    if (stale !== null) return stale
    if ((object.metadata.finalizers ?? []).length === 0) {
      store.remove(resource, object)
      return reply(200, { kind: 'Status', status: 'Success' })
    }
    if (object.metadata.deletionTimestamp !== undefined) return reply(200, object)
    const { generation } = object.metadata
    const metadata = {
      ...object.metadata,
      ...{ deletionTimestamp: seconds(clock), deletionGracePeriodSeconds: 0 },
      ...(generation !== undefined && { generation: generation + 1 }),
    }
    return reply(200, store.put(resource, { ...object, metadata }, owners))
  }

  return server
}

/** What a path names. */
export interface Where {
  readonly resource: Served
  /** Absent: all of them. */
  readonly namespace?: string
  readonly name?: string
  readonly subresource?: string
}

function whereOf(path: string): Where | null {
  const parts = path.split('/').slice(1).map(decodeURIComponent)
  const version = parts[0] === 'api' ? parts.slice(1, 2) : parts.slice(1, 3)
  const rest = parts.slice(version.length + 1)
  const namespace = rest[0] === 'namespaces' && rest.length > 2 ? rest[1] : undefined
  const [plural = '', name, subresource] = namespace === undefined ? rest : rest.slice(2)
  const resource = served.get(`${version.join('/')}/${plural}`)
  if (resource === undefined || (subresource !== undefined && !(resource.custom && subresource === 'status')))
    return null
  if (namespace !== undefined && !resource.namespaced) return null
  if (namespace === undefined && resource.namespaced && name !== undefined) return null
  return {
    resource,
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(subresource !== undefined && { subresource }),
  }
}

/** The refusal of a write that means another incarnation or version. */
function staleness({ plural }: Served, { metadata }: ApiObject, only: Members): ApiReply | null {
  for (const name of ['uid', 'resourceVersion'] as const) {
    const given = only[name]
    if (given === undefined || given === '' || given === metadata[name]) continue
    const message = `Operation cannot be fulfilled on ${plural} "${metadata.name}": ${name} is ${metadata[name]}, not ${String(given)}`
    return refusal(409, 'Conflict', message)
  }
  return null
}

/** What only the server sets stays. */
function keptMeta({ metadata }: ApiObject, next: Members): ApiObject['metadata'] {
  const {
    labels: _labels,
    annotations: _annotations,
    finalizers: _finalizers,
    ownerReferences: _owners,
    ...fixed
  } = metadata
  const { labels, annotations, finalizers, ownerReferences } = next
  const given = { labels, annotations, finalizers, ownerReferences }
  const filled = Object.fromEntries(
    Object.entries(given).filter(([, each]) => isMap(each) || (Array.isArray(each) && each.length > 0)),
  )
  return { ...fixed, ...filled } as ApiObject['metadata']
}

function withoutStatus({ custom }: Served, before: ApiObject, next: Members): Members {
  if (!custom) return next
  const { status: _status, ...rest } = next
  return { ...rest, ...(before.status !== undefined && { status: before.status }) }
}

/** What of an applied object can be owned: not what says which object it is. */
function ownable(
  { custom }: Served,
  { apiVersion: _version, kind: _kind, metadata, status, ...rest }: Members,
): Members {
  const { labels, annotations, finalizers } = (metadata ?? {}) as Members
  const meta = Object.fromEntries(
    Object.entries({ labels, annotations, finalizers }).filter(([, each]) => each !== undefined),
  )
  return {
    ...rest,
    ...(!custom && status !== undefined && { status }),
    ...(Object.keys(meta).length > 0 && { metadata: meta }),
  }
}

function specOf({ metadata: _metadata, status: _status, ...rest }: ApiObject): unknown {
  return rest
}

function hasVersion({ metadata }: Members): boolean {
  return isMap(metadata) && metadata.resourceVersion !== undefined
}

/** JSON merge patch (RFC 7386). */
function merged(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch
  const result: Members = isMap(target) ? { ...target } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name]
    else result[name] = merged(result[name], value)
  }
  return result
}

function reply(status: number, body: unknown): ApiReply {
  return { status, retryAfter: null, body }
}

function refusal(code: number, reason: string, message: string): ApiReply {
  return reply(code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message })
}

/** RFC 3339 in seconds, as metav1.Time. */
function seconds(clock: Clock): string {
  return new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z')
}

function uuid(random: Random): string {
  const hex = Buffer.from(random.bytes(16)).toString('hex')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
