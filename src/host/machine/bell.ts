import type { Clock } from '../../world/clock.ts'

/** Rings for whoever waits. It carries no fact: whoever is woken looks again. */
export interface Bell {
  ring(): void
  /** Resolves at the next ring or after so many milliseconds; rejects with the signal's reason. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>
}

export function newBell(clock: Clock): Bell {
  const waiting = new Set<() => void>()
  return {
    ring() {
      for (const done of [...waiting]) done()
    },
    wait: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        const release = () => {
          stop()
          waiting.delete(done)
          signal.removeEventListener('abort', abort)
        }
        const done = () => {
          release()
          resolve()
        }
        const abort = () => {
          release()
          reject(signal.reason)
        }
        const stop = clock.after(Math.max(0, milliseconds), done)
        waiting.add(done)
        signal.addEventListener('abort', abort, { once: true })
      }),
  }
}
