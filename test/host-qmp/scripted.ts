import type { Connection } from '../../src/world/stream.ts'

/** A connection whose other side is the test. */
export interface Scripted extends Connection {
  /** What was written, one entry for each line. */
  readonly sent: Record<string, unknown>[]
  /** Text that arrives now. */
  say(text: string): void
  bytes(bytes: Uint8Array): void
  hangUp(error?: Error): void
  readonly closed: boolean
}

export function scripted(): Scripted {
  let handlers: Parameters<Connection['listen']>[0] | null = null
  let ended = false
  const sent: Record<string, unknown>[] = []
  const end = (error: Error | null) => {
    if (ended) return
    ended = true
    queueMicrotask(() => handlers?.end(error))
  }
  return {
    sent,
    get closed() {
      return ended
    },
    listen: (given) => {
      handlers = given
    },
    write: (bytes) => {
      sent.push(JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>)
    },
    close: () => end(null),
    say: (text) => handlers?.data(new TextEncoder().encode(text)),
    bytes: (bytes) => handlers?.data(bytes),
    hangUp: (error) => end(error ?? null),
  }
}

/** What QEMU 7.2 says first. */
export const greeting =
  '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}, "capabilities": ["oob"]}}\r\n'

/** A clock that only the test moves. */
export function handClock(start = 1_000_000) {
  let now = start
  const timers = new Set<{ at: number; run(): void }>()
  return {
    now: () => now,
    monotonic: () => now,
    sleep: async () => {
      throw new Error('not in this test')
    },
    after: (milliseconds: number, run: () => void) => {
      const timer = { at: now + milliseconds, run }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    pass(milliseconds: number) {
      now += milliseconds
      for (const timer of [...timers]) {
        if (timer.at > now) continue
        timers.delete(timer)
        timer.run()
      }
    },
    get waiting() {
      return timers.size
    },
  }
}
