import type { ApiReply, ApiRequest, ApiServer } from '../world/api-server.ts'
import type { Clock } from '../world/clock.ts'
import { withDeadline } from '../world/deadline.ts'
import { ApiError } from './error.ts'
import { type ApiObject, pathOf, type Resource, type Where } from './resource.ts'

/** What is sent to be applied: an object with only the fields that the applier means to own. */
export interface Applied {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [member: string]: unknown }
  readonly [member: string]: unknown
}

export interface ApplyOptions {
  /** Field manager: whose fields they are. What it applied before and leaves out now goes. */
  readonly manager: string
  /** Takes fields that others own. Without it, such a conflict is an {@link ApiError} 409 that names the owner. */
  readonly force: boolean
  readonly subresource?: 'status'
  /** The server says what would come of it, and keeps nothing. */
  readonly dryRun?: boolean
}

/** Which incarnation and version is meant; another one is left alone, with an {@link ApiError} 409. */
export interface Precondition {
  readonly uid: string
  readonly resourceVersion?: string
}

/**
 * Requests to an API server, none longer than half a minute; only a busy server is asked again. Every method throws an `ApiError` for a
 * refusal and an `ApiUnreachableError` when nobody knows what came of it.
 */
export interface Client {
  /** null when there is no such object. */
  get(resource: Resource, where: Where, signal: AbortSignal): Promise<ApiObject | null>
  /** All of them that have these labels, however many pages. */
  list(resource: Resource, where: Where, labelSelector: string, signal: AbortSignal): Promise<readonly ApiObject[]>
  create(resource: Resource, where: Where, object: Applied, signal: AbortSignal): Promise<ApiObject>
  /** Server-side apply. */
  apply(resource: Resource, object: Applied, options: ApplyOptions, signal: AbortSignal): Promise<ApiObject>
  /** JSON merge patch (RFC 7386): members that are null go. */
  merge(resource: Resource, where: Where, patch: unknown, signal: AbortSignal): Promise<ApiObject>
  /** Replaces it; its resourceVersion must be the newest. */
  replace(resource: Resource, where: Where, object: ApiObject, signal: AbortSignal): Promise<ApiObject>
  /** False when it was gone before. */
  remove(resource: Resource, where: Where, only: Precondition | null, signal: AbortSignal): Promise<boolean>
}

/** Milliseconds that one request may take, with all its tries. */
const patience = 30_000

/** Milliseconds before a server that was too busy is asked again, whatever it says. */
const leastPause = 100

export function newClient(api: ApiServer, clock: Clock): Client {
  /** A server that has too much to do has done nothing (429), and says when to come again. */
  const ask = (request: ApiRequest, signal: AbortSignal): Promise<ApiReply> => {
    const until = clock.monotonic() + patience
    return withDeadline(clock, patience, signal, async (within) => {
      for (;;) {
        const reply = await api.send(request, within)
        const pause = reply.status === 429 ? reply.retryAfter : null
        if (pause === null || clock.monotonic() + pause >= until) return reply
        await clock.sleep(Math.max(pause, leastPause), within)
      }
    })
  }

  const must = async (request: ApiRequest, signal: AbortSignal): Promise<ApiObject> => {
    const reply = await ask(request, signal)
    if (reply.status >= 200 && reply.status < 300) return reply.body as ApiObject
    throw new ApiError(`${request.method} ${request.path}`, reply)
  }

  return {
    async get(resource, where, signal) {
      const path = pathOf(resource, where)
      const reply = await ask({ method: 'GET', path }, signal)
      if (reply.status === 404) return null
      if (reply.status === 200) return reply.body as ApiObject
      throw new ApiError(`GET ${path}`, reply)
    },
    create: (resource, where, object, signal) =>
      must({ method: 'POST', path: pathOf(resource, where), body: object }, signal),
    async list(resource, where, labelSelector, signal) {
      const found: ApiObject[] = []
      for (let next = ''; ; ) {
        const query = { labelSelector, limit: '500', ...(next && { continue: next }) }
        const page = await must({ method: 'GET', path: pathOf(resource, where), query }, signal)
        const { items = [], metadata } = page as unknown as { items?: ApiObject[]; metadata: { continue?: string } }
        found.push(...items)
        next = metadata.continue ?? ''
        if (next === '') return found
      }
    },
    apply: (resource, object, { manager, force, subresource, dryRun }, signal) => {
      const { name, namespace } = object.metadata
      const where = { name, ...(namespace !== undefined && { namespace }), ...(subresource && { subresource }) }
      return must(
        {
          method: 'PATCH',
          path: pathOf(resource, where),
          query: {
            ...{ fieldManager: manager, force: String(force), fieldValidation: 'Strict' },
            ...(dryRun && { dryRun: 'All' }),
          },
          contentType: 'application/apply-patch+yaml',
          body: object,
        },
        signal,
      )
    },
    merge: (resource, where, patch, signal) =>
      must(
        { method: 'PATCH', path: pathOf(resource, where), contentType: 'application/merge-patch+json', body: patch },
        signal,
      ),
    replace: (resource, where, object, signal) =>
      must({ method: 'PUT', path: pathOf(resource, where), body: object }, signal),
    async remove(resource, where, only, signal) {
      const path = pathOf(resource, where)
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', ...(only && { preconditions: only }) }
      const reply = await ask({ method: 'DELETE', path, body }, signal)
      if (reply.status === 404) return false
      if (reply.status >= 200 && reply.status < 300) return true
      throw new ApiError(`DELETE ${path}`, reply)
    },
  }
}
