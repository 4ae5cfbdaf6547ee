import type { ApiReply } from '../world/api-server.ts'

/** An API server refused: `status` is HTTP's, `reason` is of metav1.Status (`NotFound`, `Conflict`, `Expired`, ...). */
export class ApiError extends Error {
  readonly status: number
  readonly reason: string
  /** Milliseconds after which it may be asked again; null when it does not say. */
  readonly retryAfter: number | null
  constructor(what: string, { status, body, retryAfter }: ApiReply) {
    const said = statusIn(body)
    super(`${what}: ${said.message ?? `HTTP ${status}`}`)
    this.name = 'ApiError'
    this.status = status
    this.reason = said.reason ?? ''
    this.retryAfter = retryAfter ?? said.retryAfter
  }
}

/** Whether asking the same again may do. What a server calls wrong (4xx) stays wrong, but for too many at once. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof ApiError)) return true
  return error.status >= 500 || error.status === 429 || error.status === 408
}

/** Whether what was read is too old to go on from: everything is to be listed anew. */
export function isExpired(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 410 || error.reason === 'Expired' || error.reason === 'Gone')
}

interface Said {
  readonly reason: string | null
  readonly message: string | null
  readonly retryAfter: number | null
}

/** What a metav1.Status says; nothing of another body. */
function statusIn(body: unknown): Said {
  const { reason, message, details } = (body ?? {}) as Record<string, unknown>
  const seconds = (details as { retryAfterSeconds?: unknown } | undefined)?.retryAfterSeconds
  return {
    reason: typeof reason === 'string' ? reason : null,
    message: typeof message === 'string' ? message : null,
    retryAfter: typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : null,
  }
}
