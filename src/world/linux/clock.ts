import { randomBytes } from 'node:crypto'
import type { Clock, Random } from '../clock.ts'
import type { Stop } from '../watch.ts'

/** What setTimeout takes at most; beyond it, Node waits one millisecond. */
const longestTimer = 2 ** 31 - 1

/** The time of this host. */
export function linuxClock(): Clock {
  return { now: Date.now, monotonic: () => performance.now(), sleep, after }
}

/** The kernel's randomness. */
export function linuxRandom(): Random {
  return { bytes: (count) => new Uint8Array(randomBytes(count)) }
}

function after(milliseconds: number, run: () => void): Stop {
  const until = performance.now() + milliseconds
  let timer = setTimeout(step, Math.min(milliseconds, longestTimer))
  function step(): void {
    const left = until - performance.now()
    // A timer may be a fraction of a millisecond early; only one that was cut short goes on.
    if (left <= 1) run()
    else timer = setTimeout(step, Math.min(left, longestTimer))
  }
  return () => clearTimeout(timer)
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const onAbort = () => {
      stop()
      reject(signal.reason)
    }
    const stop = after(milliseconds, () => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
