import { KINDS, kindNamed } from '../api/kinds.ts'
import { hint } from '../api/nearest.ts'
import type { HttpHandler, HttpRequest, HttpResponse } from '../world/stream.ts'
import { aboutObject } from './control-about.ts'
import { applyObjects, deleteObjects } from './control-change.ts'
import { shownObject } from './control-object.ts'
import { ControlRefusal } from './control-refusal.ts'
import { untilLooked } from './control-until.ts'
import { matches, watchObjects } from './control-watch.ts'
import type { EventList, ObjectList, ObjectQuery, Problems } from './control-wire.ts'
import type { Controller } from './controller.ts'

/** What of a controller the control socket needs. */
export type Controlled = Pick<
  Controller,
  'source' | 'statuses' | 'events' | 'wakeups' | 'last' | 'onChange' | 'onPass' | 'look' | 'put' | 'delete' | 'options'
>

type Route = (controller: Controlled, request: HttpRequest, signal: AbortSignal) => Promise<HttpResponse>

const routes: Readonly<Record<string, Route>> = {
  'GET /v1/objects': async (controller, { query }) => {
    const { last, statuses } = controller
    const wanted = queryOf(query)
    const found = (last?.source.objects ?? []).filter((accepted) => matches(accepted, wanted))
    const items = found.map((accepted) => shownObject(accepted, statuses.current.get(accepted.key)))
    return json({ apiVersion: 'v1', kind: 'List', items } satisfies ObjectList)
  },
  'GET /v1/watch': async (controller, { query }, signal) => {
    const body = watchObjects(controller, queryOf(query), signal)
    return { status: 200, type: 'application/x-ndjson', body }
  },
  'GET /v1/events': async ({ events }, { query }) =>
    json({ events: events.of(required(query, 'key')) } satisfies EventList),
  'GET /v1/about': async (controller, { query }) => json(aboutObject(controller, required(query, 'key'))),
  'GET /v1/plan': async (controller, _, signal) => json((await controller.look(signal)).view.plan),
  'GET /v1/problems': async ({ last }) => {
    const { problems = [], hold = null } = last?.source ?? {}
    return json({ problems, hold } satisfies Problems)
  },
  'POST /v1/apply': async (controller, { body }, signal) => json(await applyObjects(controller, body, signal)),
  'POST /v1/delete': async (controller, { body }, signal) => json(await deleteObjects(controller, body, signal)),
  'POST /v1/wake': async ({ wakeups }) => {
    wakeups.wake('asked')
    return json({})
  },
}

/**
 * The controller as those who may open its socket see it. Reading shows the last pass, and waits for the first; only
 * `apply` and `delete` change anything, and they only write down what is wanted: the loop does the rest.
 */
export function controlHandler(controller: Controlled): HttpHandler {
  let looked = false
  const stop = controller.onPass(() => {
    looked = true
    stop()
  })
  return async (request, signal) => {
    const route = routes[`${request.method} ${request.path}`]
    try {
      if (route === undefined) throw unknownRoute(request)
      await untilLooked(controller, () => looked, signal)
      return await route(controller, request, signal)
    } catch (error) {
      if (error instanceof ControlRefusal) return sentence(error.status, error.message)
      throw error
    }
  }
}

function unknownRoute({ method, path }: HttpRequest): ControlRefusal {
  const others = Object.keys(routes).filter((one) => one.endsWith(` ${path}`))
  if (others.length === 0)
    return new ControlRefusal(404, `there is no ${path}; there are ${Object.keys(routes).join(', ')}`)
  return new ControlRefusal(405, `${path} does not take ${method}; use ${others[0]?.split(' ')[0]}`)
}

function queryOf(query: URLSearchParams): ObjectQuery {
  const word = query.get('kind') ?? undefined
  const kind = word === undefined ? undefined : kindNamed(word)
  if (word !== undefined && kind === undefined) {
    const near = hint(
      word,
      KINDS.map((each) => each.kind),
    )
    throw new ControlRefusal(400, `there is no kind ${word}${near}`)
  }
  return { kind: kind?.kind, namespace: query.get('namespace') ?? undefined, name: query.get('name') ?? undefined }
}

function required(query: URLSearchParams, name: string): string {
  const value = query.get(name)
  if (value) return value
  throw new ControlRefusal(400, `${name} is required; append ?${name}=Kind/namespace/name`)
}

function json(value: unknown): HttpResponse {
  return { status: 200, type: 'application/json', body: `${JSON.stringify(value)}\n` }
}

function sentence(status: number, message: string): HttpResponse {
  return { status, type: 'text/plain; charset=utf-8', body: `${message}\n` }
}
