import type { Logger } from 'pino'
import type { Controller } from '../controller/controller.ts'
import { newPulse } from '../controller/pulse.ts'
import type { Assignment, Notify } from '../world/notify.ts'

/**
 * Tells who started us that we are ready, after the first whole pass; that the loop still passes; that we end. Nobody is
 * told anything by who has nobody to tell.
 */
export function startNotify(
  controller: Pick<Controller, 'onPass' | 'options'>,
  notify: Notify | null,
  log: Pick<Logger, 'warn'>,
): () => Promise<void> {
  if (notify === null) return async () => {}
  const { clock } = controller.options.world
  const tell = (...assignments: readonly Assignment[]) =>
    notify.tell(...assignments).catch((error: Error) => {
      log.warn({ error: error.message }, 'the service manager was not told; look for NotifyAccess=all in the unit')
    })
  const pulse = newPulse(controller, () => void tell('READY=1', 'STATUS=The controller runs'))
  const ended = new AbortController()
  const watching = keepWatch()

  /** Thrice in the time that it waits, as long as the loop lives. */
  async function keepWatch(): Promise<void> {
    if (notify?.watchdog == null) return
    while (!ended.signal.aborted) {
      if (pulse.problem() === null) await tell('WATCHDOG=1')
      await clock.sleep(notify.watchdog / 3, ended.signal).catch(() => {})
    }
  }

  return async () => {
    pulse.stop()
    ended.abort()
    await watching
    await tell('STOPPING=1', 'STATUS=The controller ends; the VMs run on')
  }
}
