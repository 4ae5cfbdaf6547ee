import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import type { HttpAddress, HttpReply } from '../stream.ts'
import { connectError, connectUnix } from './connect.ts'

/** As `Stream.request`. */
export async function request(
  address: HttpAddress,
  method: string,
  path: string,
  body: string | null,
  signal: AbortSignal,
): Promise<HttpReply> {
  const where = 'path' in address ? address.path : `${address.host}:${address.port}`
  const options = { method, path, signal, ...(await way(address, signal)) }
  return await new Promise<HttpReply>((resolve, reject) => {
    const sent: ClientRequest = httpRequest(options)
    sent.once('response', (message) => {
      // Told by the iterator; without a listener it would end the process when nobody iterates.
      message.on('error', () => {})
      resolve({ status: message.statusCode ?? 0, body: pieces(message, signal) })
    })
    sent.on('error', (error) => reject(signal.aborted ? signal.reason : connectError(error, where)))
    if (body !== null) sent.setHeader('content-length', Buffer.byteLength(body))
    sent.end(body ?? undefined)
  })
}

async function way(address: HttpAddress, signal: AbortSignal) {
  if (!('path' in address)) return { ...address, agent: false } as const
  const socket = await connectUnix(address.path, signal)
  // No `agent: false` here: that would be an agent, and one that connects by itself.
  return { createConnection: () => socket, host: 'localhost' }
}

/** The body as text; a character that lies across two chunks stays whole. */
async function* pieces(message: IncomingMessage, signal: AbortSignal): AsyncIterable<string> {
  message.setEncoding('utf8')
  try {
    for await (const piece of message as AsyncIterable<string>) yield piece
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  } finally {
    message.destroy()
  }
}
