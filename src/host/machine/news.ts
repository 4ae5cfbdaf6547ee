/** Events after which a VM may be in another state; the rest (clock, balloon, filters) changes nothing here. */
const telling: ReadonlySet<string> = new Set(['SHUTDOWN', 'STOP', 'RESUME', 'POWERDOWN', 'GUEST_PANICKED'])

/** These too, but a guest can make as many of them as it likes. */
const noisy: ReadonlySet<string> = new Set(['RESET', 'SUSPEND', 'WAKEUP', 'BLOCK_IO_ERROR'])

/** Milliseconds for which a noisy event is held back, so that one guest's burst is one wakeup of the whole host. */
export const noisePause = 1000

/** Whether an event of this name is a reason to look at once. */
export function isTelling(name: string): boolean {
  return telling.has(name)
}

/** Whether it is a reason to look within a second. */
export function isNoisy(name: string): boolean {
  return noisy.has(name)
}
