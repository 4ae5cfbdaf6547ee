import type { Plan } from '../action.ts'
import type { AnyObject } from '../api/kinds.ts'
import type {
  About,
  Applied,
  Deleted,
  ObjectList,
  ObjectQuery,
  Problems,
  ShownObject,
  WatchEvent,
} from '../controller/control-wire.ts'
import { withDeadline } from '../world/deadline.ts'
import { ConnectError } from '../world/stream.ts'
import { type Context, rootOption } from './context.ts'
import { Failure } from './failure.ts'

/** Milliseconds for one answer; a first look at a large host takes seconds. */
const deadline = 60_000

/** Characters of one answer, and of one line of a watch. */
const limit = 64 << 20

/** Nobody answers on the socket of this root. */
export class NoController extends Failure {}

/** The controller of a root, over its socket. Everything throws a {@link Failure} with what the controller says. */
export interface Client {
  objects(query: ObjectQuery): Promise<readonly ShownObject[]>
  /** Ends when the controller does; throws on abort. */
  watch(query: ObjectQuery, signal: AbortSignal): AsyncIterable<WatchEvent>
  about(key: string): Promise<About>
  plan(): Promise<Plan>
  problems(): Promise<Problems>
  apply(objects: readonly AnyObject[]): Promise<Applied>
  delete(keys: readonly string[]): Promise<Deleted>
}

/** Nothing is connected before the first question. */
export function openClient(context: Context): Client {
  const address = { path: context.paths.socket }
  const ask = (method: string, path: string, body: unknown, signal: AbortSignal) => {
    const text = body === undefined ? null : JSON.stringify(body)
    return context.stream.request(address, method, path, text, signal).catch((error: unknown) => {
      throw explain(error, context)
    })
  }
  const call = <T>(method: string, path: string, body?: unknown): Promise<T> =>
    withDeadline(context.clock, deadline, null, async (signal) => {
      const reply = await ask(method, path, body, signal)
      const text = await whole(reply.body)
      if (reply.status !== 200) throw new Failure(text.trim() || `the controller answers ${reply.status}`)
      return JSON.parse(text) as T
    })
  return {
    objects: async (query) => (await call<ObjectList>('GET', `/v1/objects${queryText(query)}`)).items,
    async *watch(query, signal) {
      const reply = await ask('GET', `/v1/watch${queryText(query)}`, undefined, signal)
      if (reply.status !== 200) throw new Failure((await whole(reply.body)).trim())
      for await (const line of lines(untilBroken(reply.body, signal))) yield JSON.parse(line) as WatchEvent
    },
    about: (key) => call('GET', `/v1/about?key=${encodeURIComponent(key)}`),
    plan: () => call('GET', '/v1/plan'),
    problems: () => call('GET', '/v1/problems'),
    apply: (objects) => call('POST', '/v1/apply', { objects }),
    delete: (keys) => call('POST', '/v1/delete', { keys }),
  }
}

function queryText(query: ObjectQuery): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`
}

async function whole(body: AsyncIterable<string>): Promise<string> {
  const pieces: string[] = []
  let length = 0
  for await (const piece of body) {
    length += piece.length
    if (length > limit) throw new Failure('the answer of the controller is too long; ask for less')
    pieces.push(piece)
  }
  return pieces.join('')
}

/** A controller that is killed breaks its answer off: that is an end as well. */
async function* untilBroken(body: AsyncIterable<string>, signal: AbortSignal): AsyncIterable<string> {
  try {
    yield* body
  } catch (error) {
    if (signal.aborted) throw error
  }
}

async function* lines(body: AsyncIterable<string>): AsyncIterable<string> {
  let rest = ''
  for await (const piece of body) {
    const parts = (rest + piece).split('\n')
    rest = parts.pop() ?? ''
    if (rest.length > limit) throw new Failure('a line of the controller is too long; ask for less')
    yield* parts
  }
}

function explain(error: unknown, { paths }: Context): unknown {
  if (!(error instanceof ConnectError)) return error
  const { code } = error
  if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR') {
    return new NoController(`no controller runs on this root; start it with: moorage run${rootOption(paths)}`)
  }
  if (code === 'EACCES' || code === 'EPERM') return new Failure(`${paths.socket} is root's; run this with sudo`)
  return error
}
