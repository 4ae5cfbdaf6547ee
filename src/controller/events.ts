import type { ObjectRef } from '../host-state.ts'

/** Something that happened to an object, as `describe` shows it. */
export interface Event {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
  /** Milliseconds since the epoch, first and last time. */
  readonly first: number
  readonly last: number
  readonly count: number
}

/** Events kept for each object. */
const kept = 32

/** The events of all objects, bounded; the same one again only counts up. */
export interface Events {
  add(ref: ObjectRef, event: Pick<Event, 'type' | 'reason' | 'message'>, now: number): void
  of(key: string): readonly Event[]
  forget(key: string): void
}

export function newEvents(): Events {
  const byKey = new Map<string, Event[]>()
  return {
    add(ref, { type, reason, message }, now) {
      const key = `${ref.kind}/${ref.namespace}/${ref.name}`
      const list = byKey.get(key) ?? []
      const same = list.findIndex((event) => event.reason === reason && event.message === message)
      const before = same >= 0 ? list.splice(same, 1)[0] : undefined
      list.push({ type, reason, message, first: before?.first ?? now, last: now, count: (before?.count ?? 0) + 1 })
      byKey.set(key, list.slice(-kept))
    },
    of: (key) => byKey.get(key) ?? [],
    forget(key) {
      byKey.delete(key)
    },
  }
}
