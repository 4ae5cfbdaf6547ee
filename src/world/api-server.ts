/** One request to a Kubernetes API server. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Absolute and without the query: `/apis/moorage.dev/v1alpha1/microvms`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly body?: unknown
  /** Of the body. Default `application/json`. */
  readonly contentType?: string
}

/** What a server answered, whatever it was. */
export interface ApiReply {
  readonly status: number
  /** Milliseconds that it asks to be left alone for (`Retry-After`); null when it does not ask. */
  readonly retryAfter: number | null
  /** The JSON of the body; null when there was none, or something else. */
  readonly body: unknown
}

/** An open watch, or the answer that refused it. */
export type ApiWatch =
  | {
      readonly reply: null /** One JSON value for each line; ends when either side does. */
      readonly events: AsyncIterable<unknown>
    }
  | { readonly reply: ApiReply; readonly events: null }

/** Nothing was answered, or not all of it: nobody knows whether a request was carried out. */
export class ApiUnreachableError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ApiUnreachableError'
  }
}

/** A Kubernetes API server, with the credentials of whoever asks. Credentials that rotate are read anew by itself. */
export interface ApiServer {
  /** Where it is, for people. */
  readonly address: string
  /** Throws an {@link ApiUnreachableError}, and the signal's reason when aborted. */
  send(request: ApiRequest, signal: AbortSignal): Promise<ApiReply>
  /** As `send`; the events throw an {@link ApiUnreachableError} when the connection breaks. */
  watch(request: ApiRequest, signal: AbortSignal): Promise<ApiWatch>
}

/** A token that authenticates requests and that somebody sees to. */
export interface Bearer {
  /** The one to use now. Rejects when there is none. */
  current(): Promise<string>
  /** A server refused it: unless it is quite new, the next is another one. */
  forget(): void
}
