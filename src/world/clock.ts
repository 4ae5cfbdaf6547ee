import type { Stop } from './watch.ts'

/** Time. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Milliseconds from an arbitrary start; never goes back. */
  monotonic(): number
  /** Rejects with the signal's reason when aborted. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
  after(milliseconds: number, run: () => void): Stop
}

/** Randomness fit for keys and identifiers. */
export interface Random {
  bytes(count: number): Uint8Array
}
