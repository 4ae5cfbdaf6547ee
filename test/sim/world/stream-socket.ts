import type { Connection } from '../../../src/world/stream.ts'
import type { OtherNode } from '../../world/memory-tree.ts'

/** One connection over a simulated unix socket. The port's user has it as a {@link Connection}, the holder by the rest. */
export class SimConnection implements Connection {
  /** What the holder does with bytes that came, and when the other side has left. Set when it accepts. */
  #holder: { data(bytes: Uint8Array): void; left(): void } | null = null
  readonly #unread: Uint8Array[] = []
  #left = false
  #handlers: Parameters<Connection['listen']>[0] | null = null
  #inbox: Uint8Array[] = []
  #end: Error | null | undefined
  #told = false
  #scheduled = false

  // --- the side of whoever connected --------------------------------------------------------------------------------

  listen(handlers: Parameters<Connection['listen']>[0]): void {
    this.#handlers = handlers
    this.#told = false
    this.#schedule()
  }

  write(bytes: Uint8Array): void {
    if (this.#left || this.#end !== undefined) return
    const copy = bytes.slice()
    queueMicrotask(() => {
      if (this.#holder) this.#holder.data(copy)
      else this.#unread.push(copy)
    })
  }

  close(): void {
    if (this.#left) return
    this.#inbox = []
    this.#leave()
    this.#end ??= null
    this.#schedule()
  }

  /** The process that connected is gone: it hears nothing more, the holder sees it leave. */
  kill(): void {
    this.#handlers = null
    this.#inbox = []
    this.#leave()
  }

  // --- the side of the holder ---------------------------------------------------------------------------------------

  /** True once the other side has left. */
  get left(): boolean {
    return this.#left
  }

  /** Takes it out of the queue: `data` gets what was written, also before; `left` is called once. */
  accept(holder: { data(bytes: Uint8Array): void; left(): void }): void {
    this.#holder = holder
    for (const bytes of this.#unread.splice(0)) holder.data(bytes)
    if (this.#left) queueMicrotask(() => holder.left())
  }

  say(text: string): void {
    if (this.#left || this.#end !== undefined) return
    this.#inbox.push(encoder.encode(text))
    this.#schedule()
  }

  /** With an error for a reset, null for an end in order. */
  hangUp(error: Error | null): void {
    this.#holder = null
    if (this.#end !== undefined) return
    this.#end = error
    this.#schedule()
  }

  #leave(): void {
    if (this.#left) return
    this.#left = true
    queueMicrotask(() => this.#holder?.left())
  }

  #schedule(): void {
    if (this.#scheduled || !this.#handlers) return
    this.#scheduled = true
    queueMicrotask(() => this.#deliver())
  }

  #deliver(): void {
    this.#scheduled = false
    for (let bytes = this.#inbox.shift(); bytes && this.#handlers; bytes = this.#inbox.shift()) {
      this.#handlers.data(bytes)
    }
    if (this.#end === undefined || this.#told) return
    this.#told = true
    this.#handlers?.end(this.#end)
  }
}

/** Whoever has a listening socket as one of his descriptors. */
export interface SocketHolder {
  /** Somebody waits in the queue of that socket. */
  knock(socket: SimSocket): void
}

/**
 * A listening socket: an inode, a queue, and its holders. It answers while anybody holds it: the port that made it, a
 * process that inherited it.
 */
export class SimSocket {
  readonly node: OtherNode
  readonly #backlog: number
  readonly #holders = new Set<SocketHolder>()
  #queue: SimConnection[] = []
  #accepted = new Set<SimConnection>()

  constructor(node: OtherNode, backlog: number) {
    this.node = node
    this.#backlog = backlog
  }

  get held(): boolean {
    return this.#holders.size > 0
  }

  /** Whether anybody but this one holds it. */
  isShared(holder: SocketHolder): boolean {
    return this.#holders.size > (this.#holders.has(holder) ? 1 : 0)
  }

  hold(holder: SocketHolder): void {
    this.#holders.add(holder)
  }

  /** The last one to let go resets whoever waits and ends whoever is served. */
  letGo(holder: SocketHolder): void {
    if (!this.#holders.delete(holder) || this.held) return
    for (const waiting of this.#queue.splice(0)) waiting.hangUp(reset())
    for (const served of this.#accepted) served.hangUp(null)
    this.#accepted.clear()
  }

  /** A new connection; null when the queue is full. One that was left stays in the queue until it is accepted. */
  join(): SimConnection | null {
    if (this.#queue.length > this.#backlog) return null
    const connection = new SimConnection()
    this.#queue.push(connection)
    queueMicrotask(() => {
      for (const holder of this.#holders) holder.knock(this)
    })
    return connection
  }

  /** accept(2); null when nobody waits. */
  take(): SimConnection | null {
    const connection = this.#queue.shift() ?? null
    if (connection) this.#accepted.add(connection)
    return connection
  }

  /** Ends one that was accepted. */
  drop(connection: SimConnection, error: Error | null = null): void {
    this.#accepted.delete(connection)
    connection.hangUp(error)
  }
}

const encoder = new TextEncoder()

function reset(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
}
