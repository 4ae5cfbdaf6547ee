import type { Clock } from '../../world/clock.ts'
import type { QmpEvent } from '../qmp/message.ts'

/** Events after which a VM may be in another state; the rest (clock, balloon, filters) changes nothing here. */
const telling: ReadonlySet<string> = new Set(['SHUTDOWN', 'STOP', 'RESUME', 'POWERDOWN', 'GUEST_PANICKED'])

/** These too, but a guest can make as many of them as it likes. */
const noisy: ReadonlySet<string> = new Set(['RESET', 'SUSPEND', 'WAKEUP', 'BLOCK_IO_ERROR'])

/** Milliseconds for which a noisy event is held back, so that one guest's burst is one wakeup of the whole host. */
const noisePause = 1000

/** Takes events and calls `stir` when one is a reason to look: at once, or for noisy ones once in a while. */
export function newsDesk(clock: Clock, stir: () => void): (event: QmpEvent) => void {
  let quietUntil = Number.NEGATIVE_INFINITY
  return ({ name }) => {
    if (telling.has(name)) stir()
    if (!noisy.has(name) || clock.monotonic() < quietUntil) return
    quietUntil = clock.monotonic() + noisePause
    // At the end of the pause, so that all of a burst is seen.
    clock.after(noisePause, stir)
  }
}
