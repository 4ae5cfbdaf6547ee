import type { Accepted } from '../source/source.ts'
import { shownObject } from './control-object.ts'
import type { ObjectQuery, WatchEvent } from './control-wire.ts'
import type { Controller } from './controller.ts'
import type { Status } from './status/status.ts'

interface Seen {
  readonly accepted: Accepted
  readonly status: Status | undefined
}

/** Whether an object is one of those asked for. */
export function matches({ ref }: Accepted, { kind, namespace, name }: ObjectQuery): boolean {
  return (
    (kind === undefined || ref.kind === kind) &&
    // A cluster-scoped object is in every namespace, as far as anybody asks.
    (namespace === undefined || ref.namespace === namespace || ref.namespace === '') &&
    (name === undefined || ref.name === name)
  )
}

/**
 * Lines of JSON: first what is there, then whatever becomes another. Nothing queues up for a slow reader: each time it
 * reads on, it gets the difference to what it had.
 */
export async function* watchObjects(
  controller: Pick<Controller, 'last' | 'statuses' | 'onChange'>,
  query: ObjectQuery,
  signal: AbortSignal,
): AsyncIterable<string> {
  let seen = new Map<string, Seen>()
  let moved = true
  let wake = () => {}
  const onMove = () => {
    moved = true
    wake()
  }
  const stop = controller.onChange(onMove)
  signal.addEventListener('abort', onMove, { once: true })
  try {
    for (let first = true; !signal.aborted; first = false) {
      moved = false
      const now = present(controller, query)
      const lines = [...differences(seen, now), ...(first ? [{ type: 'BOOKMARK' } as const] : [])]
      seen = now
      if (lines.length > 0) yield lines.map((line) => `${JSON.stringify(line)}\n`).join('')
      if (!moved) await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    stop()
    signal.removeEventListener('abort', onMove)
  }
}

function present({ last, statuses }: Pick<Controller, 'last' | 'statuses'>, query: ObjectQuery): Map<string, Seen> {
  const objects = (last?.source.objects ?? []).filter((accepted) => matches(accepted, query))
  return new Map(objects.map((accepted) => [accepted.key, { accepted, status: statuses.current.get(accepted.key) }]))
}

function* differences(before: ReadonlyMap<string, Seen>, now: ReadonlyMap<string, Seen>): Iterable<WatchEvent> {
  for (const [key, old] of before) {
    const fresh = now.get(key)
    if (fresh?.accepted.uid !== old.accepted.uid) yield { type: 'DELETED', object: show(old) }
  }
  for (const [key, fresh] of now) {
    const old = before.get(key)
    if (old?.accepted.uid !== fresh.accepted.uid) yield { type: 'ADDED', object: show(fresh) }
    else if (!same(old, fresh)) yield { type: 'MODIFIED', object: show(fresh) }
  }
}

/** Versions and statuses that did not change are the very same values as before. */
function same(a: Seen, b: Seen): boolean {
  return (
    a.accepted.object === b.accepted.object &&
    a.status === b.status &&
    a.accepted.generation === b.accepted.generation &&
    a.accepted.deletion?.at === b.accepted.deletion?.at
  )
}

function show({ accepted, status }: Seen) {
  return shownObject(accepted, status)
}
