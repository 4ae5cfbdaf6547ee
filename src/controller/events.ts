import type { ObjectRef } from '../host-state.ts'
import type { Stop } from '../world/watch.ts'

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

/** Milliseconds after which the same event is news. */
const again = 600_000

/** Events kept for each object. */
const kept = 32

/** The events of all objects, bounded; the same one again only counts up. */
export interface Events {
  add(ref: ObjectRef, event: Pick<Event, 'type' | 'reason' | 'message'>, now: number): void
  of(key: string): readonly Event[]
  /** Called for each that is new; the same one again is new after ten minutes. */
  onNew(listener: (ref: ObjectRef, event: Event) => void): Stop
  forget(key: string): void
}

export function newEvents(): Events {
  const byKey = new Map<string, Event[]>()
  const listeners = new Set<(ref: ObjectRef, event: Event) => void>()
  return {
    add(ref, { type, reason, message }, now) {
      const key = `${ref.kind}/${ref.namespace}/${ref.name}`
      const list = byKey.get(key) ?? []
      const same = list.findIndex((event) => event.reason === reason && event.message === message)
      const before = same >= 0 ? list.splice(same, 1)[0] : undefined
      const event = { type, reason, message, first: before?.first ?? now, last: now, count: (before?.count ?? 0) + 1 }
      list.push(event)
      byKey.set(key, list.slice(-kept))
      if (before === undefined || now - before.last >= again) for (const listener of listeners) listener(ref, event)
    },
    onNew(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    of: (key) => byKey.get(key) ?? [],
    forget(key) {
      byKey.delete(key)
    },
  }
}
