import { isMap, mapsIn } from '../api/rule.ts'
import type { ApiObject } from '../kubernetes/resource.ts'
import type { Write } from './decision.ts'
import type { Outcome } from './write.ts'

/** What reflectors are about to show, since the manager wrote it itself. */
export interface View {
  /** Enters what became of a write. */
  enter(write: Write, outcome: Outcome, now: number): void
  /** The objects of a kind as they are, or will be shown soon. `now`: by the monotonic clock. */
  objects(kind: string, shown: ReadonlyMap<string, ApiObject>, now: number): Iterable<ApiObject>
  /** Writes of which nobody knows what became: they are to be sent again, the same. What went before them was done then. */
  readonly unknown: readonly Write[]
}

interface Ahead {
  readonly write: Write
  /** null: it is gone. */
  readonly object: ApiObject | null
  readonly isKnown: boolean
  readonly at: number
}

/** Milliseconds after which a reflector is believed again although it never showed what was created. */
const patience = 60_000

/**
 * A decision on what was true before the last one could give an address twice. So what was written counts from then on, and
 * what may have been written counts too, until it is known: as a write names the version that it changes, sending it again
 * either does it, or shows that something else happened to its object.
 */
export function newView(): View {
  const ahead = new Map<string, Ahead>()

  /** Whether the reflector still shows the version that was written on: the very next one is ours. */
  const isBehind = ({ write, at }: Ahead, shown: ApiObject | undefined, now: number): boolean => {
    if (write.on === null) return shown === undefined && now - at < patience
    return shown?.metadata.uid === write.on.uid && shown.metadata.resourceVersion === write.on.resourceVersion
  }

  return {
    enter(write, outcome, now) {
      const key = keyOf(write)
      if (outcome.is === 'done') ahead.set(key, { write, object: outcome.object, isKnown: true, at: now })
      else if (outcome.is === 'unknown') {
        ahead.set(key, { write: { ...write, after: [] }, object: null, isKnown: false, at: now })
      }
      // A conflict settles nothing: perhaps the earlier try made it, perhaps somebody else did, perhaps nobody. The reflector
      // will show a newer version in the first two cases, and in the third the next try may do.
    },
    *objects(kind, shown, now) {
      for (const [key, entry] of ahead) {
        if (!key.startsWith(`${kind}/`) || isBehind(entry, shown.get(key), now)) continue
        ahead.delete(key)
      }
      for (const [key, object] of shown) {
        const entry = ahead.get(key)
        if (entry === undefined) yield object
        else if (!entry.isKnown) yield assumed(object, entry.write)
        else if (entry.object !== null) yield entry.object
      }
      for (const [key, { write, object }] of ahead) {
        if (key.startsWith(`${kind}/`) && write.on === null && object !== null && !shown.has(key)) yield object
      }
    },
    get unknown() {
      return [...ahead.values()].filter(({ isKnown }) => !isKnown).map(({ write }) => write)
    },
  }
}

/** An object as it is if a write was carried out: what matters is what others may not be given then. */
function assumed(object: ApiObject, write: Write): ApiObject {
  if (write.do !== 'status') return object
  const before = isMap(object.status) ? object.status : {}
  const names = new Set(mapsIn(write.status, 'interfaces').map(({ name }) => name))
  const others = mapsIn(before, 'interfaces').filter(({ name }) => !names.has(name))
  const types = new Set(mapsIn(write.status, 'conditions').map(({ type }) => type))
  const conditions = mapsIn(before, 'conditions').filter(({ type }) => !types.has(type))
  const status = {
    ...{ ...before, ...write.status },
    interfaces: [...others, ...mapsIn(write.status, 'interfaces')],
    conditions: [...conditions, ...mapsIn(write.status, 'conditions')],
  }
  return { ...object, status }
}

function keyOf({ ref }: Write): string {
  return `${ref.kind}/${ref.namespace}/${ref.name}`
}
