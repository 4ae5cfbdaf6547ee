import { ApiUnreachableError } from '../../src/world/api-server.ts'
import type { Clock } from '../../src/world/clock.ts'
import type { Where } from './memory-api.ts'
import { eventOf, type MemoryStore, type Selected } from './memory-store.ts'

export interface MemoryWatch {
  readonly events: AsyncIterable<unknown>
  /** Resolves when it is over. */
  readonly ended: Promise<void>
  /** The connection breaks. */
  cut(): void
  bookmark(): void
}

/** Follows a store from the version that the query names; without one, everything there is comes first. */
export function watchStore(options: {
  readonly store: MemoryStore
  readonly clock: Clock
  readonly where: Where
  readonly selected: Selected
  readonly query: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}): MemoryWatch {
  const { store, clock, where, selected, query, signal } = options
  const queue: unknown[] = []
  let notify: (() => void) | null = null
  let end: { readonly error: unknown } | null = null
  let at = Number(query.resourceVersion ?? 0) || 0

  const push = (event: unknown) => {
    queue.push(event)
    notify?.()
  }
  const finish = (error: unknown) => {
    end ??= { error }
    notify?.()
  }
  const drain = () => {
    for (const change of store.changesAfter(at)) {
      at = change.version
      if (change.resource !== where.resource) continue
      if (where.namespace !== undefined && change.namespace !== where.namespace) continue
      const event = eventOf(change, selected)
      if (event !== null) push(structuredClone(event))
    }
  }

  if (at === 0) {
    for (const object of store.list(where.resource, where.namespace).filter(selected)) {
      push(structuredClone({ type: 'ADDED', object }))
    }
    at = store.version
  } else if (at < store.compacted) {
    const message = `too old resource version: ${at} (${store.compacted})`
    push({ type: 'ERROR', object: { kind: 'Status', status: 'Failure', code: 410, reason: 'Expired', message } })
    finish(null)
  } else drain()

  const stopListening = store.onChange(drain)
  const stopTimer = clock.after((Number(query.timeoutSeconds ?? 0) || 1800) * 1000, () => finish(null))
  const onAbort = () => finish(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  let over: () => void = () => {}
  const ended = new Promise<void>((resolve) => {
    over = resolve
  })

  async function* events(): AsyncGenerator<unknown> {
    try {
      for (;;) {
        while (queue.length > 0) yield queue.shift()
        if (end !== null) {
          if (end.error !== null) throw end.error
          return
        }
        await new Promise<void>((resolve) => {
          notify = resolve
        })
        notify = null
      }
    } finally {
      stopListening()
      stopTimer()
      signal.removeEventListener('abort', onAbort)
      over()
    }
  }

  return {
    events: events(),
    ended,
    cut: () => {
      stopListening()
      finish(new ApiUnreachableError('the connection broke'))
    },
    bookmark: () => {
      if (query.allowWatchBookmarks !== 'true' || end !== null) return
      const { apiVersion, kind } = where.resource
      push({ type: 'BOOKMARK', object: { apiVersion, kind, metadata: { resourceVersion: String(at) } } })
    },
  }
}
