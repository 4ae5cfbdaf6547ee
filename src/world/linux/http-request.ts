import type { IncomingMessage } from 'node:http'
import type { HttpRequest } from '../stream.ts'

/** Bytes of a request's body. */
const bodyLimit = 4 << 20

/** Bytes up to which a body that is too long is still taken, and thrown away: a client that writes does not hear us. */
const patience = 64 << 20

/** A request that no handler gets to see, with its status. */
export class Refusal extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.name = 'Refusal'
    this.status = status
  }
}

/** Reads a whole request; throws a {@link Refusal} of 400 or 413, or what the client's leaving makes of it. */
export async function readRequest(message: IncomingMessage): Promise<HttpRequest> {
  const url = parseUrl(message.url ?? '')
  const body = await readBody(message)
  return { method: message.method ?? 'GET', path: url.pathname, query: url.searchParams, body }
}

function parseUrl(target: string): URL {
  // Only the origin form of RFC 9112, 3.2.1; `//host/path` would otherwise be read as another server's.
  const base = 'http://localhost'
  if (/^\/(?!\/)/.test(target) && URL.canParse(target, base)) return new URL(target, base)
  throw new Refusal(400, 'the request target is no path; begin it with one slash')
}

async function readBody(message: IncomingMessage): Promise<string> {
  if (Number(message.headers['content-length'] ?? 0) > patience) throw tooLarge()
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of message as AsyncIterable<Buffer>) {
    length += piece.length
    if (length > patience) throw tooLarge()
    if (length > bodyLimit) pieces.length = 0
    else pieces.push(piece)
  }
  if (length > bodyLimit) throw tooLarge()
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces))
  } catch {
    throw new Refusal(400, 'the body is not UTF-8; encode it so')
  }
}

function tooLarge(): Refusal {
  return new Refusal(413, `the body has more than ${bodyLimit} bytes; send less at a time`)
}
