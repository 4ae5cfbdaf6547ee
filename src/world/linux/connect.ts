import { closeSync, fstatSync } from 'node:fs'
import { connect as connectSocket, type Socket } from 'node:net'
import { ConnectError, type Connection } from '../stream.ts'
import { pathOf, pin } from './descriptor.ts'
import { codeOf, describe } from './file-error.ts'

/** Bytes that may wait to be taken by the other side before we give the connection up. */
const unsentLimit = 4 << 20

/** Connects to the unix socket at `path` and speaks bytes; see {@link connectUnix}. */
export async function connect(path: string, signal: AbortSignal): Promise<Connection> {
  return toConnection(await connectUnix(path, signal))
}

/**
 * A connected socket that nobody reads yet. The socket file is pinned and connected to by its descriptor: that follows no
 * symbolic link in the last component and knows no limit of 107 bytes. Throws a {@link ConnectError}, or the reason of
 * the signal.
 */
export function connectUnix(path: string, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const pinned = pinSocket(path)
    const socket = connectSocket(pathOf(pinned))
    const settle = (outcome: () => void) => {
      closeSync(pinned)
      signal.removeEventListener('abort', onAbort)
      socket.off('error', onError).off('connect', onConnect)
      outcome()
    }
    const fail = (reason: unknown) => {
      settle(() => reject(reason))
      socket.on('error', () => {})
      socket.destroy()
    }
    const onAbort = () => fail(signal.reason)
    const onError = (error: Error) => fail(connectError(error, path))
    const onConnect = () => settle(() => resolve(socket))
    signal.addEventListener('abort', onAbort, { once: true })
    socket.once('error', onError).once('connect', onConnect)
  })
}

/** Why something could not be connected to, in a sentence. */
export function connectError(error: unknown, where: string): ConnectError {
  if (error instanceof ConnectError) return error
  return new ConnectError(codeOf(error), `cannot connect to ${where}: ${describe(error)} (${codeOf(error)})`)
}

function pinSocket(path: string): number {
  try {
    const pinned = pin(path)
    if (!fstatSync(pinned).isSymbolicLink()) return pinned
    closeSync(pinned)
  } catch (error) {
    throw connectError(error, path)
  }
  throw new ConnectError('ELOOP', `cannot connect to ${path}: it is a symbolic link; name the socket itself`)
}

function toConnection(socket: Socket): Connection {
  let failure: Error | null = null
  socket.on('error', (error) => {
    failure = error
  })
  return {
    listen: ({ data, end }) => {
      socket.on('data', data)
      if (socket.closed) queueMicrotask(() => end(failure))
      else socket.once('close', () => end(failure))
    },
    write: (bytes) => {
      socket.write(bytes)
      if (socket.writableLength > unsentLimit) {
        socket.destroy(new Error(`the other side takes nothing: ${unsentLimit} bytes wait; connect anew`))
      }
    },
    close: () => socket.destroy(),
  }
}
