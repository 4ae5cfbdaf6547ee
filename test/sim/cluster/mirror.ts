import type { ApiObject } from '../../../src/kubernetes/resource.ts'
import type { Change, MemoryStore } from '../../kubernetes/memory-store.ts'

/** What the server has, by kind and then by namespace and name; kept up as it changes. */
export class Mirror {
  readonly #kinds = new Map<string, Map<string, ApiObject>>()
  /** When anything but a Lease or an Event changed last. */
  movedAt = 0

  constructor(store: MemoryStore, time: () => number) {
    store.onChange((change) => {
      const { kind } = change.resource
      const objects = this.of(kind) as Map<string, ApiObject>
      const { name } = (change.after ?? change.before)!.metadata
      if (change.after === null) objects.delete(`${change.namespace}/${name}`)
      else objects.set(`${change.namespace}/${name}`, change.after)
      if (isNews(change)) this.movedAt = time()
    })
  }

  of(kind: string): ReadonlyMap<string, ApiObject> {
    const found = this.#kinds.get(kind)
    if (found !== undefined) return found
    const made = new Map<string, ApiObject>()
    this.#kinds.set(kind, made)
    return made
  }

  get(kind: string, namespace: string, name: string): ApiObject | undefined {
    return this.of(kind).get(`${namespace}/${name}`)
  }

  /** Of every kind. */
  *everything(): Generator<readonly [string, ApiObject]> {
    for (const [kind, objects] of this.#kinds) for (const object of objects.values()) yield [kind, object]
  }
}

/** Leases are renewed for ever, and Events tell of something else. */
export function isNews({ resource }: Change): boolean {
  return resource.kind !== 'Lease' && resource.kind !== 'Event'
}
