import type { ObjectQuery, ShownObject } from '../controller/control-wire.ts'
import { withDeadline } from '../world/deadline.ts'
import { type Client, NoController } from './client.ts'
import type { Context } from './context.ts'

/** Milliseconds between two tries to reach a controller, and during which one that never answered may come up. */
const pause = 250
const patience = 10_000

/**
 * Follows some objects until something holds for them; false when that took too long. What they are is judged whenever
 * one changed, with all of them at hand. A controller that is only just started, or is restarted meanwhile, is waited for.
 */
export async function until(
  context: Context,
  client: Client,
  query: ObjectQuery,
  timeout: number,
  holds: (objects: readonly ShownObject[]) => boolean,
): Promise<boolean> {
  const late = new Error('the time to wait is over')
  const began = context.clock.monotonic()
  let refused: NoController | null = null
  let met = false
  const heard = () => {
    met = true
    refused = null
  }
  const tryOnce = (signal: AbortSignal) =>
    follow(client, query, signal, holds, heard).catch((error: unknown) => {
      if (signal.aborted) throw late
      if (!(error instanceof NoController) || (!met && context.clock.monotonic() > began + patience)) throw error
      refused = error
      return false
    })
  try {
    return await withDeadline(context.clock, timeout, null, async (signal) => {
      while (!(await tryOnce(signal))) {
        await context.clock.sleep(pause, signal).catch(() => {
          throw late
        })
      }
      return true
    })
  } catch (error) {
    if (error !== late) throw error
    if (refused !== null) throw refused
    return false
  }
}

async function follow(
  client: Client,
  query: ObjectQuery,
  signal: AbortSignal,
  holds: (objects: readonly ShownObject[]) => boolean,
  heard: () => void,
): Promise<boolean> {
  const known = new Map<string, ShownObject>()
  let whole = false
  for await (const event of client.watch(query, signal)) {
    heard()
    if (event.type === 'BOOKMARK') whole = true
    else if (event.type === 'DELETED') known.delete(event.object.metadata.uid)
    else known.set(event.object.metadata.uid, event.object)
    if (whole && holds([...known.values()])) return true
  }
  return false
}
