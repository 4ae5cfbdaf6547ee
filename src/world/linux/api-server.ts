import { statSync } from 'node:fs'
import {
  type ApiReply,
  type ApiRequest,
  type ApiServer,
  ApiUnreachableError,
  type ApiWatch,
  type Bearer,
} from '../api-server.ts'
import type { Access } from './kubeconfig.ts'
import { lines } from './lines.ts'

/** An answer may be this long, characters: a page of objects is far below it. */
const longestBody = 64 * 1024 * 1024

/** Milliseconds for which what authenticates a request is taken as it is. */
const freshFor = 10_000

type Fetch = typeof import('undici').fetch
type Answer = Awaited<ReturnType<Fetch>>
type Credentials = Awaited<ReturnType<Access['authenticate']>>

/** Who asks. */
export interface Asking {
  /** `NAME/VERSION`: it stands in audit logs, and NAME is the field manager of what is written without one. */
  readonly userAgent: string
  /** Whoever is asked is told this token and not what the kubeconfig says of its user. */
  readonly bearer?: Bearer
}

/**
 * The API server of a kubeconfig; null: as kubectl or a pod finds it. Tokens and certificates may be replaced at any time:
 * they are read anew every ten seconds when a file of theirs changed, and at once after a 401. Throws one sentence when there
 * is no such configuration.
 */
export async function linuxApiServer(kubeconfig: string | null, { userAgent, bearer }: Asking): Promise<ApiServer> {
  const { fetch, openAccess } = await import('./kubeconfig.ts')
  const credentials = newCredentials(() => openAccess(kubeconfig, bearer && (() => bearer.current())))
  const address = credentials.server

  async function ask(request: ApiRequest, signal: AbortSignal): Promise<Answer> {
    const first = await once(request, signal)
    if (first.status !== 401) return first
    await first.body?.cancel().catch(() => {})
    credentials.forget()
    bearer?.forget()
    return once(request, signal)
  }

  async function once({ method, path, query, body, contentType }: ApiRequest, signal: AbortSignal): Promise<Answer> {
    try {
      const { headers, dispatcher } = await credentials.current()
      const search = query === undefined ? '' : `?${new URLSearchParams(query)}`
      return await fetch(`${credentials.server}${path}${search}`, {
        method,
        signal,
        redirect: 'error',
        headers: {
          ...{ ...headers, accept: 'application/json', 'content-type': contentType ?? 'application/json' },
          'user-agent': userAgent,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(dispatcher && { dispatcher }),
      })
    } catch (error) {
      throw unreachable(error, address, signal)
    }
  }

  return {
    address,
    async send(request, signal) {
      const answer = await ask(request, signal)
      try {
        return await replyOf(answer)
      } catch (error) {
        throw unreachable(error, address, signal)
      }
    },
    async watch(request, signal): Promise<ApiWatch> {
      const answer = await ask(request, signal)
      if (answer.status !== 200 || answer.body === null) return { reply: await replyOf(answer), events: null }
      return { reply: null, events: events(answer.body, address, signal) }
    },
  }
}

/** Tokens, certificates and connections, made anew when the files behind them change. */
function newCredentials(open: () => Access) {
  let access = open()
  let stamp = stampOf(access)
  let held: { readonly until: number; readonly credentials: Promise<Credentials> } | null = null
  let connections: Credentials['dispatcher']

  async function read(): Promise<Credentials> {
    const now = stampOf(access)
    if (now !== stamp) {
      // A file that is being replaced may be unreadable for a moment: what was read before goes on.
      try {
        access = open()
        stamp = now
        connections = undefined
      } catch {}
    }
    const { headers, dispatcher } = await access.authenticate()
    // Each time it makes new connections of the same kind; the ones that are open stay in use.
    connections ??= dispatcher
    return { headers, dispatcher: connections }
  }

  return {
    get server() {
      return access.server
    },
    current(): Promise<Credentials> {
      const now = performance.now()
      if (held === null || now > held.until) held = { until: now + freshFor, credentials: read() }
      const mine = held
      return mine.credentials.catch((error: unknown) => {
        if (held === mine) held = null
        throw error
      })
    },
    forget(): void {
      held = null
      stamp = ''
    },
  }
}

function stampOf({ files }: Access): string {
  return files
    .map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false })
      return stat === undefined ? '' : `${stat.ino}:${stat.size}:${stat.mtimeMs}`
    })
    .join()
}

async function replyOf(answer: Answer): Promise<ApiReply> {
  let text = ''
  for await (const piece of decoded(answer)) {
    text += piece
    if (text.length > longestBody) throw new Error(`answered more than ${longestBody} characters`)
  }
  return { status: answer.status, retryAfter: retryAfterOf(answer), body: parsed(text) }
}

async function* decoded(answer: Answer): AsyncIterable<string> {
  if (answer.body === null) return
  const decoder = new TextDecoder()
  for await (const bytes of answer.body) yield decoder.decode(bytes as Uint8Array, { stream: true })
  yield decoder.decode()
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Seconds, or a date (RFC 9110, 10.2.3); API servers send seconds. */
function retryAfterOf({ headers }: Answer): number | null {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN)
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null
}

async function* events(
  body: NonNullable<Answer['body']>,
  address: string,
  signal: AbortSignal,
): AsyncIterable<unknown> {
  try {
    for await (const line of lines(body as AsyncIterable<Uint8Array>, longestBody)) {
      const event = parsed(line)
      if (event === null) throw new Error('sent a line that is no JSON')
      yield event
    }
  } catch (error) {
    throw unreachable(error, address, signal)
  }
}

function unreachable(error: unknown, address: string, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason
  const { message, cause } = error as Error & { cause?: Error }
  return new ApiUnreachableError(`the API server ${address} cannot be reached: ${cause?.message || message}`)
}
