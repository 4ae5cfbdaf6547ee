import { type ApiReply, type ApiServer, ApiUnreachableError } from '../../src/world/api-server.ts'

/** What becomes of one request. */
export type Fate = 'answered' | 'lost before' | 'lost after' | 'conflict' | 'overloaded' | 'broken'

/** A server between which and us things go wrong, as `fate` says for each request that changes something. */
export function flakyApi(api: ApiServer, fate: (path: string) => Fate): ApiServer {
  return {
    address: api.address,
    watch: (request, signal) => api.watch(request, signal),
    async send(request, signal) {
      const what = request.method === 'GET' ? 'answered' : fate(request.path)
      switch (what) {
        case 'answered':
          return api.send(request, signal)
        case 'lost before':
          throw new ApiUnreachableError('the request was lost')
        case 'lost after':
          await api.send(request, signal)
          throw new ApiUnreachableError('the answer was lost')
        case 'conflict':
          return refusal(409, 'Conflict')
        case 'overloaded':
          return { ...refusal(429, 'TooManyRequests'), retryAfter: 1000 }
        case 'broken':
          await api.send(request, signal)
          return refusal(500, 'InternalError')
      }
    },
  }
}

function refusal(status: number, reason: string): ApiReply {
  return {
    status,
    retryAfter: null,
    body: { kind: 'Status', status: 'Failure', code: status, reason, message: reason },
  }
}
