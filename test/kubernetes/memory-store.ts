import { isMap } from '../../src/api/rule.ts'
import type { ApiObject } from '../../src/kubernetes/resource.ts'
import type { Owners } from './memory-apply.ts'
import type { Served } from './memory-schema.ts'

/** An object with who owns what of it. */
export interface Stored {
  readonly object: ApiObject
  readonly owners: Owners
}

/** A change, as watches see it. */
export interface Change {
  readonly version: number
  /** API version, plural and namespace. */
  readonly resource: Served
  readonly namespace: string
  /** null: it was not there. */
  readonly before: ApiObject | null
  /** What was stored before; of one that is gone, `before` is its last moment. */
  readonly stored: ApiObject | null
  /** null: it is gone; then `before` carries the version at which it went. */
  readonly after: ApiObject | null
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: ApiObject
}

/** Objects with their versions, and every change since the last compaction. */
export class MemoryStore {
  #version = 1
  #compacted = 0
  #changes: Change[] = []
  readonly #objects = new Map<string, Stored>()
  readonly #listeners = new Set<(change: Change) => void>()

  get version(): number {
    return this.#version
  }

  /** Changes up to and with this version are forgotten. */
  get compacted(): number {
    return this.#compacted
  }

  get(resource: Served, namespace: string, name: string): Stored | undefined {
    return this.#objects.get(keyOf(resource, namespace, name))
  }

  /** By namespace and name, as etcd has them. */
  list(resource: Served, namespace: string | undefined): readonly ApiObject[] {
    const prefix = keyOf(resource, namespace ?? '', '').slice(0, namespace === undefined ? -2 : -1)
    const keys = [...this.#objects.keys()].filter((key) => key.startsWith(prefix)).sort()
    return keys.map((key) => this.#objects.get(key)!.object)
  }

  /** Stores an object under the next version; the same object, with it. */
  put(resource: Served, object: ApiObject, owners: Owners): ApiObject {
    const { namespace = '', name } = object.metadata
    const key = keyOf(resource, namespace, name)
    const before = this.#objects.get(key)?.object ?? null
    this.#version += 1
    const after = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } }
    this.#objects.set(key, { object: after, owners })
    this.#tell({ version: this.#version, resource, namespace, before, stored: before, after })
    return after
  }

  remove(resource: Served, object: ApiObject): ApiObject {
    const { namespace = '', name } = object.metadata
    const key = keyOf(resource, namespace, name)
    const stored = this.#objects.get(key)?.object ?? null
    this.#objects.delete(key)
    this.#version += 1
    const gone = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } }
    this.#tell({ version: this.#version, resource, namespace, before: gone, stored, after: null })
    return gone
  }

  /** Forgets changes up to and with a version, as etcd does with those that are five minutes old. */
  compact(version = this.#version): void {
    this.#changes = this.changesAfter(version)
    this.#compacted = Math.max(this.#compacted, version)
  }

  /** Each change makes the very next version. */
  changesAfter(version: number): Change[] {
    const first = this.#changes[0]?.version ?? this.#version + 1
    return this.#changes.slice(Math.max(version + 1 - first, 0))
  }

  /** As `list` was at an older version, which is not compacted. */
  listAt(resource: Served, namespace: string | undefined, version: number): readonly ApiObject[] {
    const then = new Map(
      this.list(resource, namespace).map((object) => [
        keyOf(resource, object.metadata.namespace ?? '', object.metadata.name),
        object,
      ]),
    )
    for (const { stored, after, ...change } of this.changesAfter(version).toReversed()) {
      if (change.resource !== resource || (namespace !== undefined && change.namespace !== namespace)) continue
      const key = keyOf(resource, change.namespace, (after ?? stored)!.metadata.name)
      if (stored === null) then.delete(key)
      else then.set(key, stored)
    }
    return [...then].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object)
  }

  onChange(run: (change: Change) => void): () => void {
    this.#listeners.add(run)
    return () => this.#listeners.delete(run)
  }

  #tell(change: Change): void {
    this.#changes.push(change)
    for (const run of this.#listeners) run(change)
  }
}

/** Which objects somebody wants to hear of. */
export type Selected = (object: ApiObject) => boolean

/** What a watch with a selector is told of a change; null: nothing. */
export function eventOf({ before, after, version }: Change, selected: Selected): WatchEvent | null {
  const was = before !== null && selected(before)
  const is = after !== null && selected(after)
  if (after !== null && is) return { type: was ? 'MODIFIED' : 'ADDED', object: after }
  if (!was || before === null) return null
  // The last that the watcher was to know of it, at the version at which it left.
  return { type: 'DELETED', object: { ...before, metadata: { ...before.metadata, resourceVersion: String(version) } } }
}

/** `fieldSelector` and `labelSelector` of a request: equalities, with commas between. */
export function selectorOf({ selectable }: Served, query: Readonly<Record<string, string>>): Selected | string {
  const fields = pairs(query.fieldSelector)
  const labels = pairs(query.labelSelector)
  const unknown = fields.find(([path]) => !['metadata.name', 'metadata.namespace', ...selectable].includes(path))
  if (unknown !== undefined) return `field label not supported: ${unknown[0]}`
  return (object) =>
    fields.every(([path, value]) => (at(object, path.split('.')) ?? '') === value) &&
    labels.every(([name, value]) => object.metadata.labels?.[name] === value)
}

function pairs(selector: string | undefined): readonly [string, string][] {
  return (selector ?? '')
    .split(',')
    .filter((part) => part !== '')
    .map((part) => part.split(/==?/, 2) as [string, string])
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, name) => (isMap(inner) ? inner[name] : undefined), value)
}

function keyOf({ apiVersion, plural }: Served, namespace: string, name: string): string {
  return `${apiVersion}/${plural}//${namespace}/${name}`
}
