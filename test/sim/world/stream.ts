import type { Clock } from '../../../src/world/clock.ts'
import { FileError } from '../../../src/world/files.ts'
import {
  ConnectError,
  type Connection,
  type HttpAddress,
  type HttpHandler,
  type HttpReply,
  type Listener,
  type Stream,
} from '../../../src/world/stream.ts'
import type { MemoryFiles } from '../../world/memory-files.ts'
import type { Node } from '../../world/memory-tree.ts'
import { ask, HttpServer, statusOf } from './stream-http.ts'
import { type SimConnection, SimSocket } from './stream-socket.ts'

/** What a guest at an address says. */
export interface ReachedGuest {
  /** Whether something listens on that TCP port. */
  tcp(port: number): boolean
  /** What `GET` of that path answers; null: nothing ever. */
  status(port: number, path: string): number | null
}

/** Sees each call of `connect` and `listen` before its effect; what it throws is what the caller gets. */
export type StreamHook = (call: { readonly name: 'connect' | 'listen'; readonly path: string }) => void

export interface SimStreamOptions {
  readonly files: MemoryFiles
  readonly clock: Clock
  /** Connections that wait in a listening socket's queue before connect(2) says EAGAIN; one more than this fits. */
  readonly backlog?: number
}

/**
 * Unix sockets that are inodes of {@link MemoryFiles}, guests that are asked over the simulated network, and a table of
 * HTTP handlers. A path is looked up when somebody connects: renaming and removing it does what it does on a real host.
 */
export class SimStream implements Stream {
  hook: StreamHook = () => {}
  /** Who answers at an address, null when no frame gets there; SimProcess sets it. */
  guestAt: (address: string) => ReachedGuest | null = () => null
  readonly #files: MemoryFiles
  readonly #clock: Clock
  readonly #backlog: number
  readonly #sockets = new WeakMap<Node, SimSocket>()
  readonly #listeners = new Map<Listener, SimSocket>()
  readonly #connections = new Set<SimConnection>()
  readonly #servers = new Map<string | SimSocket, HttpServer>()
  #nextPort = 40_000

  constructor({ files, clock, backlog = 4096 }: SimStreamOptions) {
    this.#files = files
    this.#clock = clock
    this.#backlog = backlog
  }

  // --- the port -----------------------------------------------------------------------------------------------------

  async connect(path: string, signal: AbortSignal): Promise<Connection> {
    signal.throwIfAborted()
    this.hook({ name: 'connect', path })
    const socket = this.#answering(path, `cannot connect to ${path}`)
    const connection = socket.join()
    if (!connection) throw refusal('EAGAIN', `cannot connect to ${path}`)
    if (this.#connections.size > 64) this.#sweep()
    this.#connections.add(connection)
    return connection
  }

  async listen(path: string, owner?: { uid: number; gid: number }): Promise<Listener> {
    this.hook({ name: 'listen', path })
    const socket = this.#bind(path, owner)
    socket.hold(cutter)
    const listener: Listener = {
      path,
      release: () => {
        if (this.#listeners.delete(listener)) socket.letGo(cutter)
      },
    }
    this.#listeners.set(listener, socket)
    return listener
  }

  async reachTcp(host: string, port: number, timeout: number, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted()
    if (host === local) return this.#servers.has(`${host}:${port}`)
    const guest = this.guestAt(host)
    if (guest) return guest.tcp(port)
    await this.#clock.sleep(timeout, signal)
    return false
  }

  async getStatus(
    host: string,
    port: number,
    path: string,
    timeout: number,
    signal: AbortSignal,
  ): Promise<number | null> {
    signal.throwIfAborted()
    if (host === local) {
      const server = this.#servers.get(`${host}:${port}`)
      return server ? await statusOf(server, path, timeout, this.#clock, signal) : null
    }
    const guest = this.guestAt(host)
    if (guest && !guest.tcp(port)) return null
    const status = guest?.status(port, path) ?? null
    if (status === null) await this.#clock.sleep(timeout, signal)
    return status
  }

  async serve(address: HttpAddress, handler: HttpHandler): Promise<{ stop(): Promise<void>; port: number | null }> {
    const server = new HttpServer(handler)
    if ('path' in address) return this.#serveUnix(address.path, server)
    const port = address.port === 0 ? this.#nextPort++ : address.port
    const key = `${address.host}:${port}`
    if (this.#servers.has(key)) throw refusal('EADDRINUSE', `cannot listen on ${key}`)
    this.#servers.set(key, server)
    return { port, stop: () => this.#stop(key, server) }
  }

  async request(
    address: HttpAddress,
    method: string,
    path: string,
    body: string | null,
    signal: AbortSignal,
  ): Promise<HttpReply> {
    signal.throwIfAborted()
    const where = 'path' in address ? address.path : `${address.host}:${address.port}`
    const key = 'path' in address ? this.#answering(where, `cannot connect to ${where}`) : where
    const server = this.#servers.get(key)
    if (!server) throw refusal('ECONNREFUSED', `cannot connect to ${where}`)
    return await ask(server, method, path, body, signal)
  }

  // --- the simulation -----------------------------------------------------------------------------------------------

  /** The controller died: what it held of sockets and connections is closed, and its handlers hear nothing more. */
  kill(): void {
    for (const [listener] of [...this.#listeners]) listener.release()
    for (const connection of this.#connections) connection.kill()
    this.#connections.clear()
    for (const [key, server] of [...this.#servers]) void this.#stop(key, server)
  }

  /** The socket behind a listener, for a child to hold; throws when it was released. */
  socketOf(listener: Listener): SimSocket {
    const socket = this.#listeners.get(listener)
    if (!socket) throw new Error(`the listener at ${listener.path} was released; make a fresh one`)
    return socket
  }

  /** Whether somebody holds the listening socket at a path; false when there is none. */
  isHeld(path: string): boolean {
    try {
      return this.#socketAt(path, '')?.held === true
    } catch {
      return false
    }
  }

  #serveUnix(path: string, server: HttpServer) {
    const there = this.#nodeAt(path, `cannot listen on ${path}`)
    if (there !== null && there.type !== 'other') {
      throw new ConnectError('EEXIST', `${path} is there and is no socket; move it away`)
    }
    if (there !== null && this.#sockets.get(there)?.held) {
      throw new ConnectError('EADDRINUSE', `somebody answers on ${path}; stop the other controller first`)
    }
    const socket = this.#bind(path)
    socket.hold(cutter)
    this.#servers.set(socket, server)
    const stop = async () => {
      await this.#stop(socket, server)
      if (this.#nodeAt(path, '') === socket.node) this.#files.unlink(path)
    }
    return { port: null, stop }
  }

  async #stop(key: string | SimSocket, server: HttpServer): Promise<void> {
    if (this.#servers.get(key) === server) this.#servers.delete(key)
    if (typeof key !== 'string') key.letGo(cutter)
    await server.stop()
  }

  /** A fresh inode at that path, in place of whatever was there save a folder. */
  #bind(path: string, owner = { uid: 0, gid: 0 }): SimSocket {
    const says = `cannot listen on ${path}`
    const folder = this.#nodeAt(path.slice(0, path.lastIndexOf('/')) || '/', says, true)
    if (folder === null) throw refusal('ENOENT', says)
    if (folder.type !== 'directory') throw refusal('ENOTDIR', says)
    if (this.#nodeAt(path, says)?.type === 'directory') throw refusal('EISDIR', says)
    this.#files.special(path)
    const node = this.#nodeAt(path, says)
    if (node?.type !== 'other') throw refusal('EIO', says)
    Object.assign(node, { mode: 0o600, ...owner })
    const socket = new SimSocket(node, this.#backlog)
    this.#sockets.set(node, socket)
    return socket
  }

  #answering(path: string, says: string): SimSocket {
    const socket = this.#socketAt(path, says)
    if (!socket?.held) throw refusal('ECONNREFUSED', says)
    return socket
  }

  /** What connect(2) finds: throws when it is nothing or a link; null when it is no socket. */
  #socketAt(path: string, says: string): SimSocket | null {
    const node = this.#nodeAt(path, says)
    if (node === null) throw refusal('ENOENT', says)
    if (node.type === 'symlink') throw refusal('ELOOP', says)
    return this.#sockets.get(node) ?? null
  }

  #nodeAt(path: string, says: string, following = false): Node | null {
    try {
      return this.#files.at(path, following)
    } catch (error) {
      throw error instanceof FileError ? refusal(error.code, says) : error
    }
  }

  #sweep(): void {
    for (const connection of this.#connections) if (connection.left) this.#connections.delete(connection)
  }
}

const local = '127.0.0.1'

/** Holds a listening socket and cuts off who connects, as a controller does until its child has it. */
const cutter = {
  knock(socket: SimSocket): void {
    if (socket.isShared(cutter)) return
    for (let one = socket.take(); one; one = socket.take()) socket.drop(one)
  },
}

function refusal(code: string, says: string): ConnectError {
  return new ConnectError(code, `${says}: ${code}`)
}
