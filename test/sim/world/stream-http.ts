import type { Clock } from '../../../src/world/clock.ts'
import type { HttpHandler, HttpReply, HttpResponse } from '../../../src/world/stream.ts'

/** Bytes of a request's body. */
const longest = 4 << 20

/** A handler that serves until it is stopped. */
export class HttpServer {
  readonly handler: HttpHandler
  readonly #stopped = new AbortController()

  constructor(handler: HttpHandler) {
    this.handler = handler
  }

  /** Aborted once it is stopped: what is under way ends in order. */
  get stopped(): AbortSignal {
    return this.#stopped.signal
  }

  /** What was said before it is still on its way and arrives. */
  async stop(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
    this.#stopped.abort()
  }
}

/** Asks a server as `Stream.request` does. */
export async function ask(
  server: HttpServer,
  method: string,
  path: string,
  body: string | null,
  signal: AbortSignal,
): Promise<HttpReply> {
  if (Buffer.byteLength(body ?? '') > longest) return { status: 413, body: once('4 MiB at a time\n') }
  const leave = new AbortController()
  const forward = () => leave.abort(signal.reason)
  signal.addEventListener('abort', forward, { once: true })
  server.stopped.addEventListener('abort', forward, { once: true })
  const forget = () => {
    signal.removeEventListener('abort', forward)
    server.stopped.removeEventListener('abort', forward)
  }
  const { pathname, searchParams } = new URL(path, 'http://local')
  const request = { method, path: pathname, query: searchParams, body: body ?? '' }
  const answer = server
    .handler(request, leave.signal)
    .catch((error: Error): HttpResponse => ({ status: 500, type: 'text/plain', body: `${error.message}\n` }))
  const response = await Promise.race([answer, aborted(leave.signal)])
  return { status: response.status, body: pieces(response.body, server, leave, signal, forget) }
}

/** The status of a GET, null when none came in time. */
export async function statusOf(
  server: HttpServer,
  path: string,
  timeout: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<number | null> {
  const leave = new AbortController()
  const late = clock.sleep(timeout, AbortSignal.any([signal, leave.signal])).then(() => null)
  late.catch(() => {})
  try {
    const reply = await Promise.race([ask(server, 'GET', path, null, leave.signal), late])
    return reply?.status ?? null
  } finally {
    leave.abort(new Error('the status is known'))
  }
}

async function* pieces(
  body: HttpResponse['body'],
  { stopped }: HttpServer,
  leave: AbortController,
  signal: AbortSignal,
  forget: () => void,
): AsyncGenerator<string> {
  const from = (typeof body === 'string' ? once(body) : body)[Symbol.asyncIterator]()
  const left = aborted(leave.signal)
  try {
    for (;;) {
      const next = await Promise.race([from.next(), left])
      if (next.done) return
      yield next.value
    }
  } catch (error) {
    if (!stopped.aborted || signal.aborted) throw error
  } finally {
    forget()
    leave.abort(new Error('the client has left'))
    void from.return?.()?.catch(() => {})
  }
}

async function* once(text: string): AsyncGenerator<string> {
  yield text
}

/** Rejects with the reason once the signal aborts; never rejects unheard. */
function aborted(signal: AbortSignal): Promise<never> {
  const promise = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  promise.catch(() => {})
  return promise
}
