import type { ApiRequest, ApiWatch } from '../../../src/world/api-server.ts'
import { Channel } from './channel.ts'
import { type OpenWatch, status, unreachable, type Way } from './way.ts'

/** Opens a watch through whatever the weather is. */
export async function weatheredWatch(way: Way, request: ApiRequest, signal: AbortSignal): Promise<ApiWatch> {
  signal.throwIfAborted()
  way.asked += 1
  const { cluster, dice } = way
  if (way.latency > 0) await cluster.clock.sleep(way.latency, signal)
  if (way.silence === 'refused' || way.strikes('watch refused')) throw unreachable('the watch was refused')
  if (way.tooOld || way.strikes('watch too old'))
    return { reply: status(410, dice.pick(['Expired', 'Gone'])), events: null }
  const closed = new AbortController()
  const close = () => closed.abort(signal.reason)
  signal.addEventListener('abort', close, { once: true })
  const opened = await cluster.server.watch(request, closed.signal)
  if (opened.events === null) {
    signal.removeEventListener('abort', close)
    return opened
  }
  const channel = new Channel<unknown>()
  let mute = way.silence === 'mute'
  const end = (error: unknown = null) => {
    channel.end(error)
    closed.abort(new Error('the watch is over'))
  }
  const watch: OpenWatch = {
    get mute() {
      return mute
    },
    hush: () => {
      mute = true
    },
    break: () => end(unreachable('the connection broke')),
  }
  way.watches.add(watch)
  // Who closes it may be dead, and reads no more.
  const leave = () => {
    way.watches.delete(watch)
    end(signal.reason)
  }
  signal.addEventListener('abort', leave, { once: true })
  void pump(way, opened.events, channel, { watch, end, closed: closed.signal })
  const events = channel.values(() => {
    way.watches.delete(watch)
    signal.removeEventListener('abort', close)
    signal.removeEventListener('abort', leave)
    closed.abort(new Error('nobody watches any more'))
  })
  return { reply: null, events }
}

/** Hands on what the server sends, each event in its turn, as the weather lets it. */
async function pump(
  way: Way,
  events: AsyncIterable<unknown>,
  channel: Channel<unknown>,
  hold: { readonly watch: OpenWatch; readonly end: (error?: unknown) => void; readonly closed: AbortSignal },
): Promise<void> {
  const { cluster, dice } = way
  const { watch, end, closed } = hold
  try {
    for await (const event of events) {
      if (watch.mute) continue
      if (way.strikes('events late')) await cluster.clock.sleep(dice.pick([30, 300, 3000, 20_000]), closed)
      if (way.strikes('watch hangs')) watch.hush()
      if (way.strikes('events lost')) {
        watch.hush()
        cluster.clock.after(dice.between(0, 5000), () => watch.break())
      }
      if (watch.mute) continue
      if (way.strikes('watch expires')) {
        channel.push({ type: 'ERROR', object: status(410, 'Expired').body })
        return end()
      }
      channel.push(event)
      if (way.strikes('event doubled')) channel.push(structuredClone(event))
      if (way.strikes('watch ends')) return end()
      if (way.strikes('watch breaks')) return watch.break()
    }
    // A server that ends a watch which hangs is not heard either.
    if (!watch.mute) end()
  } catch (error) {
    if (!watch.mute) end(error)
  }
}
