/** Bytes both ways over a unix socket. */
export interface Connection {
  /** What arrives; called in order. `end` is called once, also after `close`. */
  listen(handlers: { data(bytes: Uint8Array): void; end(error: Error | null): void }): void
  write(bytes: Uint8Array): void
  close(): void
}

/** A listening unix socket that a child is to inherit; nobody here ever accepts on it. */
export interface Listener {
  readonly path: string
  /** Gives our own copy up without unlinking the path. Safe to call twice. */
  release(): void
}

/** Why a connection or a listening socket could not be made; `code` is the errno name (`ENOENT`, `ECONNREFUSED`, `EAGAIN`, ...). */
export class ConnectError extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.name = 'ConnectError'
    this.code = code
  }
}

/** An HTTP request as the control socket and the metrics port see it; bodies are bounded at 4 MiB. */
export interface HttpRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: string
}

export interface HttpResponse {
  readonly status: number
  readonly type: string
  /** Whole, or in pieces until the iterator ends or the client leaves. */
  readonly body: string | AsyncIterable<string>
}

export type HttpHandler = (request: HttpRequest, signal: AbortSignal) => Promise<HttpResponse>

/** What a server answered. The body may be left early; whoever leaves it hangs up. */
export interface HttpReply {
  readonly status: number
  readonly body: AsyncIterable<string>
}

export type HttpAddress = { readonly path: string } | { readonly host: string; readonly port: number }

/** Sockets of this host. */
export interface Stream {
  /** Throws a {@link ConnectError}. */
  connect(path: string, signal: AbortSignal): Promise<Connection>
  /** A fresh listening socket published at `path` by rename, mode 0600, owned by `uid` when given. */
  listen(path: string, owner?: { uid: number; gid: number }): Promise<Listener>
  /** True when a TCP connection to a guest opens before `timeout` milliseconds. */
  reachTcp(host: string, port: number, timeout: number, signal: AbortSignal): Promise<boolean>
  /** The status code of `GET http://host:port/path`, null when none came before `timeout` milliseconds. */
  getStatus(host: string, port: number, path: string, timeout: number, signal: AbortSignal): Promise<number | null>
  /** Serves HTTP until the returned stop is called. A socket path is made 0600. */
  serve(address: HttpAddress, handler: HttpHandler): Promise<{ stop(): Promise<void>; port: number | null }>
  /** Asks such a server; resolves with the first of the answer. `signal` ends the body too. Throws a {@link ConnectError}. */
  request(
    address: HttpAddress,
    method: string,
    path: string,
    body: string | null,
    signal: AbortSignal,
  ): Promise<HttpReply>
}
