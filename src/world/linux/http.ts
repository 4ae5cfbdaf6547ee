import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { HttpAddress, HttpHandler, HttpResponse } from '../stream.ts'
import { bindUnix, listenError, listening } from './bind.ts'
import { Refusal, readRequest } from './http-request.ts'
import { assertUnused, removeOwn } from './stale-socket.ts'
import { untilAborted } from './until-aborted.ts'

/** Milliseconds an idle TCP client is kept; on the unix socket a watch may be silent for hours. */
const tcpIdle = 30_000

/** Milliseconds that answers under way get to end when the server stops. */
const grace = 1000

const bounds = {
  maxHeaderSize: 16_384,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 5000,
}

/** As `Stream.serve`. A handler that throws is a 500 with its message, or a broken body once pieces have gone out. */
export async function serve(
  address: HttpAddress,
  handler: HttpHandler,
): Promise<{ stop(): Promise<void>; port: number | null }> {
  const underWay = new Set<AbortController>()
  const server = createServer(bounds, (message, response) => void answer(message, response, handler, underWay))
  server.maxConnections = 256
  const cleanUp = 'path' in address ? await listenUnix(server, address.path) : await listenTcp(server, address)
  // From here on only an accept can fail, which concerns one client.
  server.on('error', () => {})
  const port = 'path' in address ? null : (server.address() as AddressInfo).port
  return { port, stop: () => stop(server, underWay).finally(cleanUp) }
}

async function listenUnix(server: Server, path: string): Promise<() => void> {
  await assertUnused(path)
  const identity = await bindUnix(server, path)
  return () => removeOwn(path, identity)
}

async function listenTcp(server: Server, address: { host: string; port: number }): Promise<() => void> {
  server.setTimeout(tcpIdle)
  await listening(server, () => server.listen(address)).catch((error: unknown) => {
    throw listenError(error, `${address.host}:${address.port}`)
  })
  return () => {}
}

async function stop(server: Server, underWay: ReadonlySet<AbortController>): Promise<void> {
  if (!server.listening) return
  const closed = once(server, 'close')
  server.close()
  for (const each of underWay) each.abort(new Error('the server stops'))
  const timer = setTimeout(() => server.closeAllConnections(), grace)
  await closed
  clearTimeout(timer)
}

async function answer(
  message: IncomingMessage,
  response: ServerResponse,
  handler: HttpHandler,
  underWay: Set<AbortController>,
): Promise<void> {
  const abort = new AbortController()
  underWay.add(abort)
  response.on('error', () => {})
  response.on('close', () => {
    underWay.delete(abort)
    if (!response.writableFinished) abort.abort(new Error('the client left'))
  })
  try {
    await send(response, await handler(await readRequest(message), abort.signal), abort.signal)
  } catch (error) {
    fail(response, error)
  }
}

async function send(
  response: ServerResponse,
  { status, type, body }: HttpResponse,
  signal: AbortSignal,
): Promise<void> {
  const headers = { 'content-type': type, 'cache-control': 'no-store' }
  if (typeof body === 'string') {
    response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
    response.end(body)
    return
  }
  response.writeHead(status, headers)
  // The head goes out at once: a client wants to know that its watch stands before anything happens.
  response.flushHeaders()
  for await (const piece of untilAborted(body, signal)) {
    if (!response.write(piece)) await once(response, 'drain', { signal })
  }
  response.end()
}

function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  const status = error instanceof Refusal ? error.status : 500
  const body = `${error instanceof Error ? error.message : String(error)}\n`
  // What is left of a body that was not read would be taken for the next request.
  const length = Buffer.byteLength(body)
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': length,
    connection: 'close',
  })
  response.end(body)
}
