import type { Clock } from '../../src/world/clock.ts'

/** A clock that stands still until it is moved on. */
export interface ManualClock extends Clock {
  advance(milliseconds: number): Promise<void>
}

export function manualClock(start = 1_000_000): ManualClock {
  let now = start
  const timers = new Map<number, { at: number; run: () => void }>()
  let next = 0
  const clock: ManualClock = {
    now: () => now,
    monotonic: () => now,
    after(milliseconds, run) {
      next += 1
      const id = next
      timers.set(id, { at: now + milliseconds, run })
      return () => timers.delete(id)
    },
    sleep: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        const onAbort = () => {
          stop()
          reject(signal.reason)
        }
        const stop = clock.after(milliseconds, () => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        })
        signal.addEventListener('abort', onAbort, { once: true })
      }),
    async advance(milliseconds) {
      const until = now + milliseconds
      while (true) {
        await settle()
        const due = [...timers].filter(([, timer]) => timer.at <= until).sort((a, b) => a[1].at - b[1].at)[0]
        if (!due) break
        timers.delete(due[0])
        now = Math.max(now, due[1].at)
        due[1].run()
      }
      now = until
      await settle()
    },
  }
  return clock
}

/** Lets everything run that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve()
}
