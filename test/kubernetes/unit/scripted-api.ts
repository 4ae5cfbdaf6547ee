import {
  type ApiReply,
  type ApiRequest,
  type ApiServer,
  ApiUnreachableError,
  type ApiWatch,
} from '../../../src/world/api-server.ts'

/** A watch that a test feeds by hand. */
export interface FedWatch {
  readonly request: ApiRequest
  send(event: unknown): void
  /** The server ends it, as it does after `timeoutSeconds`. */
  end(): void
  /** The connection breaks. */
  break(): void
  /** Whether the other side has hung up. */
  readonly closed: boolean
}

/** An API server that answers what the test wrote down, in that order; watches are fed by hand. */
export interface ScriptedApi extends ApiServer {
  readonly asked: ApiRequest[]
  readonly watches: FedWatch[]
  /** The next answers to `send`; an Error is thrown. */
  answer(...replies: readonly (Partial<ApiReply> | Error)[]): void
  /** The next watches are refused so. */
  refuse(...replies: readonly (Partial<ApiReply> | Error)[]): void
}

export function scriptedApi(): ScriptedApi {
  const asked: ApiRequest[] = []
  const watches: FedWatch[] = []
  const answers: (Partial<ApiReply> | Error)[] = []
  const refusals: (Partial<ApiReply> | Error)[] = []
  const reply = (one: Partial<ApiReply>): ApiReply => ({ status: 200, retryAfter: null, body: null, ...one })
  return {
    address: 'https://test',
    asked,
    watches,
    answer: (...replies) => void answers.push(...replies),
    refuse: (...replies) => void refusals.push(...replies),
    async send(request, signal) {
      signal.throwIfAborted()
      asked.push(request)
      const next = answers.shift() ?? new ApiUnreachableError('nothing was written down for this')
      if (next instanceof Error) throw next
      return reply(next)
    },
    async watch(request, signal): Promise<ApiWatch> {
      signal.throwIfAborted()
      asked.push(request)
      const refusal = refusals.shift()
      if (refusal instanceof Error) throw refusal
      if (refusal !== undefined) return { reply: reply(refusal), events: null }
      const { fed, events } = fedWatch(request, signal)
      watches.push(fed)
      return { reply: null, events }
    },
  }
}

function fedWatch(request: ApiRequest, signal: AbortSignal): { fed: FedWatch; events: AsyncIterable<unknown> } {
  const queue: unknown[] = []
  let over: 'ended' | 'broken' | null = null
  let wake: () => void = () => {}
  const poke = () => wake()
  signal.addEventListener('abort', poke)
  const fed: FedWatch = {
    request,
    send(event) {
      queue.push(event)
      poke()
    },
    end() {
      over = 'ended'
      poke()
    },
    break() {
      over = 'broken'
      poke()
    },
    get closed() {
      return signal.aborted
    },
  }
  async function* events(): AsyncIterable<unknown> {
    for (;;) {
      while (queue.length > 0) yield queue.shift()
      if (signal.aborted) throw signal.reason
      if (over === 'ended') return
      if (over === 'broken') throw new ApiUnreachableError('connection reset')
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  return { fed, events: events() }
}
