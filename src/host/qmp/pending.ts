import type { Clock } from '../../world/clock.ts'
import { QmpError, type Wait } from './error.ts'

/** Answers that are waited for, by id. */
export interface Pending {
  /** `what` reads as in 'QEMU did not give ... in time'. */
  wait(id: number, what: string, wait: Wait): Promise<unknown>
  /** Nothing when nobody waits for that id any more. */
  resolve(id: number, value: unknown): void
  reject(id: number, error: Error): void
  /** Nothing will come any more: whoever waits, now or later, gets the error. */
  end(error: Error): void
}

interface Waiter {
  resolve(value: unknown): void
  reject(error: unknown): void
}

export function pending(clock: Clock): Pending {
  const waiters = new Map<number, Waiter>()
  let ended: Error | null = null

  const settle = (id: number, how: (waiter: Waiter) => void): void => {
    const waiter = waiters.get(id)
    waiters.delete(id)
    if (waiter) how(waiter)
  }
  return {
    wait: (id, what, { timeout, signal }) =>
      new Promise((resolve, reject) => {
        if (ended) return reject(ended)
        if (signal.aborted) return reject(signal.reason)
        const late = () => settle(id, (waiter) => waiter.reject(lateError(what, timeout)))
        const abort = () => settle(id, (waiter) => waiter.reject(signal.reason))
        const stop = clock.after(timeout, late)
        signal.addEventListener('abort', abort, { once: true })
        const release = () => {
          stop()
          signal.removeEventListener('abort', abort)
        }
        waiters.set(id, {
          resolve: (value) => {
            release()
            resolve(value)
          },
          reject: (error) => {
            release()
            reject(error)
          },
        })
      }),
    resolve: (id, value) => settle(id, (waiter) => waiter.resolve(value)),
    reject: (id, error) => settle(id, (waiter) => waiter.reject(error)),
    end: (error) => {
      ended = error
      for (const id of [...waiters.keys()]) settle(id, (waiter) => waiter.reject(error))
    },
  }
}

function lateError(what: string, timeout: number): QmpError {
  return new QmpError(
    'late',
    `QEMU did not give ${what} within ${timeout} ms; it hangs, or somebody else is on its QMP`,
  )
}
