import { type ApiReply, ApiUnreachableError } from '../../../src/world/api-server.ts'
import type { Dice } from '../random.ts'
import type { SimCluster } from './cluster.ts'
import type { WeatherKind } from './rates.ts'

/** How an unreachable server shows: connections are refused, or nothing ever comes back. */
export type Silence = 'refused' | 'mute'

/** What one client's way to the server is like. */
export interface Way {
  readonly client: string
  readonly cluster: SimCluster
  readonly dice: Dice
  /** Milliseconds that a request takes at least. */
  readonly latency: number
  /** Whether a fault strikes now; it counts. */
  strikes(kind: WeatherKind): boolean
  /** null: the server is within reach. */
  readonly silence: Silence | null
  /** The server refuses every watch with 410. */
  readonly tooOld: boolean
  readonly watches: Set<OpenWatch>
  /** Requests so far. */
  asked: number
  /** Of them those that would change something, but for Leases; whether anything became another or not. */
  written: number
}

/** A watch that is open, as the weather has it in its hands. */
export interface OpenWatch {
  /** Nothing comes any more, and nobody says so. */
  readonly mute: boolean
  hush(): void
  /** The connection breaks. */
  break(): void
}

export function unreachable(what: string): ApiUnreachableError {
  return new ApiUnreachableError(what)
}

/** A refusal as a server words it. */
export function status(code: number, reason: string): ApiReply {
  const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message: `${reason} (weather)` }
  return { status: code, retryAfter: null, body }
}
