import { expect } from 'vitest'
import type { SourceView } from '../../src/source/source.ts'

interface Told {
  readonly uid: string
  readonly generation: number
  readonly createdAt: number
  readonly deleted: boolean
}

/**
 * Remembers every view that a source ever told, over crashes and restarts, and holds it to its word: what it named stays
 * named under the same uid until it is finished, a tombstone stays, a generation never goes back.
 */
export class Witness {
  readonly #told = new Map<string, Told>()

  see({ objects, hold }: SourceView): void {
    const named = new Set(objects.map(({ key }) => key))
    const unreadable = hold?.startsWith('what was accepted before cannot be read') ?? false
    if (!unreadable) for (const key of this.#told.keys()) expect(named, `${key} was lost`).toContain(key)
    for (const { key, uid, generation, createdAt, deletion } of objects) {
      const told = this.#told.get(key)
      if (told !== undefined) {
        expect(uid, `uid of ${key}`).toBe(told.uid)
        expect(createdAt, `birth of ${key}`).toBe(told.createdAt)
        expect(generation, `generation of ${key}`).toBeGreaterThanOrEqual(told.generation)
        if (told.deleted) expect(deletion, `tombstone of ${key}`).not.toBeNull()
      }
      this.#told.set(key, { uid, generation, createdAt, deleted: deletion !== null })
    }
  }

  /** The deletion of an object is done, or was asked to be: it may be gone from now on. */
  finish(key: string): void {
    this.#told.delete(key)
  }

  /** Whether a tombstone of that object was told. */
  saw(key: string): boolean {
    return this.#told.get(key)?.deleted ?? false
  }
}
