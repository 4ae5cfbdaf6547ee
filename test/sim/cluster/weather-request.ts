import { isMap } from '../../../src/api/rule.ts'
import type { ApiReply, ApiRequest } from '../../../src/world/api-server.ts'
import { status, unreachable, type Way } from './way.ts'

/** Sends a request through whatever the weather is. */
export async function weatheredSend(way: Way, request: ApiRequest, signal: AbortSignal): Promise<ApiReply> {
  signal.throwIfAborted()
  way.asked += 1
  const { cluster, dice } = way
  const { server, clock } = cluster
  const wait = way.latency + (way.strikes('slow request') ? dice.between(20, 8000) : 0)
  if (wait > 0) await clock.sleep(wait, signal)
  if (way.silence === 'refused' || way.strikes('request lost')) throw unreachable('the request was lost')
  if (way.silence === 'mute' || way.strikes('request hangs')) return aborted(signal)
  if (way.strikes('too many requests'))
    return { ...status(429, 'TooManyRequests'), retryAfter: dice.pick([null, 1000]) }
  if (way.strikes('server error')) return status(dice.pick([500, 503]), 'InternalError')
  if (request.query?.continue !== undefined && way.strikes('page expired')) return status(410, 'Expired')
  if (isVersioned(request) && way.strikes('conflict')) await touch(way, request)
  note(way, request)
  const reply = await server.send(paged(request), signal)
  if (way.strikes('slow answer')) await clock.sleep(dice.between(20, 8000), signal)
  // A reply of a server that went away meanwhile is lost, too.
  if (way.silence === 'mute') return aborted(signal)
  if (way.silence === 'refused' || way.strikes('answer lost')) throw unreachable('the answer was lost')
  return way.strikes('server error when done') ? status(500, 'InternalError') : reply
}

/** Objects are few here: pages are small, so that there are some. */
function paged(request: ApiRequest): ApiRequest {
  const { limit } = request.query ?? {}
  return limit === undefined ? request : { ...request, query: { ...request.query, limit: '2' } }
}

/** Whether another version of the object than the one that is meant refuses it. */
function isVersioned({ method, body }: ApiRequest): boolean {
  if (method === 'GET' || method === 'POST' || !isMap(body)) return false
  const only = method === 'DELETE' ? body.preconditions : body.metadata
  return isMap(only) && only.resourceVersion !== undefined
}

/** Somebody else writes to the object first, so that the conflict is a true one. */
async function touch({ cluster }: Way, { path }: ApiRequest): Promise<void> {
  const body = { metadata: { annotations: { 'example.com/touched': String(cluster.store.version) } } }
  const never = new AbortController().signal
  const where = path.replace(/\/status$/, '')
  await cluster.server.send({ method: 'PATCH', path: where, body, contentType: 'application/merge-patch+json' }, never)
}

function note(way: Way, { method, path, body }: ApiRequest): void {
  if (method === 'GET' || path.includes('/leases')) return
  way.written += 1
  const fields = isMap(body) ? Object.keys(body).filter((name) => !/^(apiVersion|kind|metadata)$/.test(name)) : []
  way.cluster.note(`${way.client}: ${method} ${path} ${fields.join()}`)
}

/** Waits for ever for an answer that does not come. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
