import type { HttpHandler, HttpResponse } from '../world/stream.ts'
import type { Stop } from '../world/watch.ts'
import { type Measured, newMetrics } from './metrics.ts'

/** Passes may be this many resync intervals apart before the loop counts as dead. */
const patience = 3

/**
 * `/metrics` for Prometheus; `/healthz`: the loop passes, with success or without, for a supervisor that restarts what
 * hangs; `/readyz`: a pass succeeded. A failing pass is no reason to restart the controller, and a bad manifest none to
 * call it unready.
 */
export function metricsHandler(controller: Measured): { readonly handle: HttpHandler; readonly stop: Stop } {
  const metrics = newMetrics(controller)
  const { world, config } = controller.options
  const limit = patience * config.resyncSeconds * 1000
  let passedAt = world.clock.monotonic()
  let ready = false
  const stopPass = controller.onPass(({ error }) => {
    passedAt = world.clock.monotonic()
    if (error === null) ready = true
  })
  const health = (): HttpResponse => {
    const ago = world.clock.monotonic() - passedAt
    if (ago <= limit) return text(200, 'ok')
    return text(503, `the last pass ended ${Math.round(ago / 1000)} s ago; see the log of the controller`)
  }
  return {
    handle: async ({ method, path }) => {
      if (method !== 'GET' && method !== 'HEAD') return text(405, 'only GET is answered')
      if (path === '/metrics') return { status: 200, type: metrics.contentType, body: await metrics.text() }
      if (path === '/healthz') return health()
      if (path === '/readyz') return ready ? text(200, 'ok') : text(503, 'the first pass has not ended yet')
      return text(404, 'there are /metrics, /healthz and /readyz')
    },
    stop: () => {
      metrics.stop()
      stopPass()
    },
  }
}

/** `HOST:PORT` or `[V6]:PORT`. Throws a sentence; a port alone is refused, since it would listen to everybody. */
export function parseListen(given: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(given)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || port > 65_535) throw new Error(`${given} is no HOST:PORT; write for example 127.0.0.1:9464`)
  return { host, port }
}

function text(status: number, sentence: string): HttpResponse {
  return { status, type: 'text/plain; charset=utf-8', body: `${sentence}\n` }
}
