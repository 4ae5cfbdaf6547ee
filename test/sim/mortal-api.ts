import type { ApiRequest, ApiServer, ApiWatch } from '../../src/world/api-server.ts'
import { type Mortal, never } from './mortal.ts'

/**
 * An API server as one process reaches it: what changes something is an effect, and when the process dies its connections
 * close and no answer ever comes.
 */
export function mortalApi(process: Mortal, server: ApiServer): ApiServer {
  return {
    address: server.address,
    send(request, signal) {
      const whole = () => server.send(request, signal)
      if (request.method === 'GET') return process.read(whole)
      return process.change(`api.${request.method}`, request.path, { whole })
    },
    watch: (request, signal) => process.read(() => watch(process, server, request, signal)),
  }
}

async function watch(process: Mortal, server: ApiServer, request: ApiRequest, signal: AbortSignal): Promise<ApiWatch> {
  const closed = new AbortController()
  const close = () => closed.abort(signal.reason)
  signal.addEventListener('abort', close, { once: true })
  const survives = process.atDeath(() => closed.abort(new Error('the process died')))
  const release = () => {
    survives()
    signal.removeEventListener('abort', close)
  }
  try {
    const opened = await server.watch(request, closed.signal)
    if (opened.events === null) release()
    else return { reply: null, events: mortalEvents(process, opened.events, release) }
    return opened
  } catch (error) {
    release()
    throw error
  }
}

async function* mortalEvents(
  process: Mortal,
  events: AsyncIterable<unknown>,
  release: () => void,
): AsyncGenerator<unknown> {
  try {
    for await (const event of events) {
      if (process.dead) await never()
      yield event
    }
  } catch (error) {
    if (process.dead) await never()
    throw error
  } finally {
    release()
  }
  if (process.dead) await never()
}
