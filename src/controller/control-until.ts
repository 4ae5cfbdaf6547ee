import { ControlRefusal } from './control-refusal.ts'
import type { Controller } from './controller.ts'

type Watched = Pick<Controller, 'last' | 'onChange' | 'onPass' | 'options'>

/** Milliseconds. */
const longest = { firstLook: 20_000, seen: 2_000 }

/** Resolves once the first pass is over; one that could not even look is told of instead. */
export async function untilLooked(controller: Watched, passed: () => boolean, signal: AbortSignal): Promise<void> {
  await until(controller, passed, longest.firstLook, signal)
  if (controller.last !== null) return
  throw new ControlRefusal(503, 'the controller has not finished its first look; try again, or see its log')
}

/**
 * Resolves when the last pass saw what was just written down, so that whoever reads next sees it too; or after a while,
 * since it is written down in any case.
 */
export async function untilSeen(controller: Watched, holds: () => boolean, signal: AbortSignal): Promise<void> {
  await until(controller, holds, longest.seen, signal)
}

async function until(
  controller: Watched,
  holds: () => boolean,
  milliseconds: number,
  signal: AbortSignal,
): Promise<boolean> {
  if (holds()) return true
  return new Promise((resolve) => {
    const done = () => {
      stopTimer()
      for (const stop of stops) stop()
      signal.removeEventListener('abort', done)
      resolve(holds())
    }
    const stopTimer = controller.options.world.clock.after(milliseconds, done)
    const look = () => {
      if (holds()) done()
    }
    // A pass ends after what it changed was told.
    const stops = [controller.onChange(look), controller.onPass(look)]
    signal.addEventListener('abort', done, { once: true })
  })
}
