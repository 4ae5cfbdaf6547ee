import { lstatSync, rmSync } from 'node:fs'
import { ConnectError } from '../stream.ts'
import { identityAt } from './bind.ts'
import { connectUnix } from './connect.ts'

/** Milliseconds; a unix socket answers at once or not at all. */
const deadline = 1000

/**
 * Throws unless `path` is free to be taken: nothing is there, or a socket that nobody listens on any more. A full queue
 * (`EAGAIN`) is somebody; a file that is no socket is somebody's.
 */
export async function assertUnused(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return
  if (!stat.isSocket()) throw new ConnectError('EEXIST', `${path} is there and is no socket; move it away`)
  const code = await connectUnix(path, AbortSignal.timeout(deadline)).then(
    (socket) => {
      socket.on('error', () => {})
      socket.destroy()
      return null
    },
    (error: unknown) => (error instanceof ConnectError ? error.code : null),
  )
  if (code === 'ECONNREFUSED' || code === 'ENOENT') return
  throw new ConnectError('EADDRINUSE', `somebody answers on ${path}; stop the other controller first`)
}

/** Unlinks a socket if it is still the one with this identity. */
export function removeOwn(path: string, identity: string): void {
  if (identityAt(path) === identity) rmSync(path, { force: true })
}
