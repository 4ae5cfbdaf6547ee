import type { Stop } from '../world/watch.ts'
import type { Context } from './context.ts'
import { shortDuration } from './duration.ts'

/** One line on stderr that says what takes so long; nothing when nobody looks. */
export interface Progress {
  /** What is under way now; shown once it takes longer than a moment. */
  show(text: string): void
  clear(): void
}

/** Milliseconds before anything is shown, and between two times. */
const times = { first: 700, every: 1000 }

/** A progress line with the seconds since it began. `clear` has to be called before anything else is printed. */
export function progress({ terminal, clock }: Pick<Context, 'terminal' | 'clock'>): Progress {
  if (!terminal.error) return { show: () => {}, clear: () => {} }
  const from = clock.monotonic()
  let text = ''
  let shown = false
  const draw = () => {
    const width = (process.stderr.columns ?? 80) - 1
    const line = `${text} (${shortDuration(clock.monotonic() - from)})`
    process.stderr.write(`\r\x1b[K${line.length > width ? `${line.slice(0, width - 1)}…` : line}`)
    shown = true
    stop = clock.after(times.every, draw)
  }
  let stop: Stop = clock.after(times.first, draw)
  return {
    show: (next) => {
      text = next
    },
    clear() {
      stop()
      if (shown) process.stderr.write('\r\x1b[K')
      shown = false
    },
  }
}
