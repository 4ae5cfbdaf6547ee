import type { Index } from './index.ts'
import type { IndexStore } from './index-store.ts'
import type { SourceProblem } from './source.ts'

/** An index in memory and on the disk. After a failed write it is read again, since the disk may have either version. */
export class DurableIndex {
  readonly #store: IndexStore
  #index: Index | null = null
  #damage: readonly SourceProblem[] = []

  constructor(store: IndexStore) {
    this.#store = store
  }

  /** What cannot be read of it now, and what was damaged until everything was accepted anew. */
  get problems(): readonly SourceProblem[] {
    if (this.#index === null) return []
    return [...(this.#index.recover ? this.#damage : []), ...this.#store.lost(this.#index)]
  }

  /** From memory when it is whole there. What cannot be read of it is tried again each time. */
  async get(): Promise<Index> {
    if (this.#index !== null && this.#store.lost(this.#index).length === 0) return this.#index
    await this.#store.prepare()
    const { index, damage } = await this.#store.load()
    await this.#store.sweep(index)
    if (damage.length > 0) this.#damage = damage
    this.#index = index
    return index
  }

  /** On the disk when this resolves; nothing is written when it is the very value of before. */
  async set(next: Index): Promise<Index> {
    const previous = this.#index
    if (previous === null || next === previous) return next
    this.#index = null
    this.#index = await this.#store.save(next, previous)
    return this.#index
  }
}
