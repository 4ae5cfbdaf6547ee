import type { Stop } from '../world/watch.ts'
import type { Controller } from './controller.ts'

/** Whether the loop of a controller passes. */
export interface Pulse {
  /** Why it counts as dead, in a sentence; null while it lives. A pass that fails is a pass. */
  problem(): string | null
  /** A pass succeeded. */
  readonly ready: boolean
  /** Stops listening. */
  readonly stop: Stop
}

/** Passes may be this many resync intervals apart before the loop counts as dead. */
const patience = 3

/** `onReady` is called once, after the first pass that succeeds. */
export function newPulse(controller: Pick<Controller, 'onPass' | 'options'>, onReady: () => void = () => {}): Pulse {
  const { world, config } = controller.options
  const limit = patience * config.resyncSeconds * 1000
  let passedAt = world.clock.monotonic()
  let ready = false
  const stop = controller.onPass(({ error }) => {
    passedAt = world.clock.monotonic()
    if (error !== null || ready) return
    ready = true
    onReady()
  })
  return {
    problem() {
      const ago = world.clock.monotonic() - passedAt
      if (ago <= limit) return null
      return `the last pass ended ${Math.round(ago / 1000)} s ago; see the log of the controller`
    },
    get ready() {
      return ready
    },
    stop,
  }
}
