import type { HttpHandler, HttpResponse } from '../world/stream.ts'
import type { Stop } from '../world/watch.ts'
import { type Measured, newMetrics } from './metrics.ts'
import { newPulse } from './pulse.ts'

/**
 * `/metrics` for Prometheus; `/healthz`: the loop passes, with success or without, for a supervisor that restarts what
 * hangs; `/readyz`: a pass succeeded. A failing pass is no reason to restart the controller, and a bad manifest none to
 * call it unready.
 */
export function metricsHandler(controller: Measured): { readonly handle: HttpHandler; readonly stop: Stop } {
  const metrics = newMetrics(controller)
  const pulse = newPulse(controller)
  const health = (): HttpResponse => {
    const problem = pulse.problem()
    return problem === null ? text(200, 'ok') : text(503, problem)
  }
  return {
    handle: async ({ method, path }) => {
      if (method !== 'GET' && method !== 'HEAD') return text(405, 'only GET is answered')
      if (path === '/metrics') return { status: 200, type: metrics.contentType, body: await metrics.text() }
      if (path === '/healthz') return health()
      if (path === '/readyz') return pulse.ready ? text(200, 'ok') : text(503, 'the first pass has not ended yet')
      return text(404, 'there are /metrics, /healthz and /readyz')
    },
    stop: () => {
      metrics.stop()
      pulse.stop()
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
