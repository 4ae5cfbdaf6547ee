import { createServer, type Server } from 'node:net'
import type { Listener } from '../stream.ts'
import { bindUnix, type Owner } from './bind.ts'

/**
 * A listening unix socket for a child. While we hold it ourselves, whoever connects is cut off: he looks again, and then
 * either the child has it or nobody has.
 *
 * As nobody accepts on a life socket, each connection that was ever made stays in its queue, also when it is closed
 * (measured on Linux 6.18: 4097 at a backlog of 4096). From then on connect(2) says `EAGAIN`, until the holder dies:
 * that too means 'it lives'. So whoever watches should keep his connection rather than make a new one each time.
 */
export async function listen(path: string, owner?: Owner): Promise<Listener> {
  const server = createServer((socket) => socket.destroy())
  await bindUnix(server, path, owner)
  server.unref()
  // What fails from here on is an accept, and we want none.
  server.on('error', () => {})
  const listener: Listener = { path, release: () => release(listener) }
  servers.set(listener, server)
  return listener
}

/** The file descriptor of a listener that has not been released; what a child inherits. */
export function descriptorOf(listener: Listener): number {
  const server = servers.get(listener)
  if (server === undefined) throw new Error(`the listener at ${listener.path} was released; make a fresh one`)
  return serverDescriptor(server)
}

const servers = new WeakMap<Listener, Server>()

/** `close()` closes the descriptor in this very tick; the name it unlinks is the one before the rename. */
function release(listener: Listener): void {
  servers.get(listener)?.close()
  servers.delete(listener)
}

/**
 * Node has no public way to a server's descriptor, and a `net.Server` given as stdio throws after forking. The handle's
 * own number has been there in Node 20 to 24 (tested); should it go, this says so before anything is forked.
 */
export function serverDescriptor(server: Server): number {
  const handle = (server as unknown as { readonly _handle?: { readonly fd?: unknown } | null })._handle
  const fd = handle?.fd
  if (typeof fd !== 'number' || fd < 0) {
    throw new Error(`Node ${process.version} does not tell the descriptor of a listening socket; use Node 20 to 24`)
  }
  return fd
}
