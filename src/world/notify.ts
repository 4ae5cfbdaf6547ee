/** `READY=1`, `STATUS=...`. */
export type Assignment = `${string}=${string}`

/** A service manager that wants to hear from us, as in sd_notify(3). */
export interface Notify {
  /** Milliseconds within which it has to hear `WATCHDOG=1` again each time; null when it does not wait for that. */
  readonly watchdog: number | null
  /** Throws a sentence when it does not get through. */
  tell(...assignments: readonly Assignment[]): Promise<void>
}
