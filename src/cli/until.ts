import type { ObjectQuery, ShownObject } from '../controller/control-wire.ts'
import { withDeadline } from '../world/deadline.ts'
import { type Client, NoController } from './client.ts'
import type { Context } from './context.ts'

/** Milliseconds between two tries to reach a controller that ended while we waited. */
const pause = 500

/**
 * Follows some objects until something holds for them; false when that took too long. What they are is judged whenever
 * one changed, with all of them at hand. A controller that is restarted meanwhile is waited for, too; only one that is
 * not there at all is an error at once.
 */
export async function until(
  context: Context,
  client: Client,
  query: ObjectQuery,
  timeout: number,
  holds: (objects: readonly ShownObject[]) => boolean,
): Promise<boolean> {
  const late = new Error('the time to wait is over')
  const ends = context.clock.monotonic() + timeout
  let met = false
  try {
    return await withDeadline(context.clock, timeout, null, async (signal) => {
      for (;;) {
        const found = await follow(client, query, signal, holds).catch((error: unknown) => {
          if (signal.aborted) throw late
          if (!(error instanceof NoController) || !met) throw error
          return false
        })
        if (found) return true
        met = true
        await context.clock.sleep(pause, signal).catch(() => {
          throw late
        })
      }
    })
  } catch (error) {
    if (error === late || context.clock.monotonic() >= ends) return false
    throw error
  }
}

async function follow(
  client: Client,
  query: ObjectQuery,
  signal: AbortSignal,
  holds: (objects: readonly ShownObject[]) => boolean,
): Promise<boolean> {
  const known = new Map<string, ShownObject>()
  let whole = false
  for await (const event of client.watch(query, signal)) {
    if (event.type === 'BOOKMARK') whole = true
    else if (event.type === 'DELETED') known.delete(event.object.metadata.uid)
    else known.set(event.object.metadata.uid, event.object)
    if (whole && holds([...known.values()])) return true
  }
  return false
}
