import type { Clock } from '../../../src/world/clock.ts'
import type { Stop, Watch } from '../../../src/world/watch.ts'

/** What becomes of a hint: nothing, so many milliseconds until it comes, and how often it comes. */
export type Delivery = readonly number[]

type Kind = 'directory' | 'file' | 'links' | 'rules'

interface Watcher {
  readonly kind: Kind
  readonly path: string
  readonly wake: () => void
}

/** Hints in memory. Whoever changes something calls `touched` or `changed`; what comes of it is the faults' business. */
export class SimWatch implements Watch {
  readonly #clock: Clock
  readonly #watchers = new Set<Watcher>()
  /** Milliseconds after which each copy of a hint arrives; empty: it is lost. */
  deliver: (kind: Kind) => Delivery = () => [1]

  constructor(clock: Clock) {
    this.#clock = clock
  }

  directory(path: string, wake: () => void): Promise<Stop> {
    return this.#add({ kind: 'directory', path, wake })
  }

  file(path: string, wake: () => void): Promise<Stop> {
    return this.#add({ kind: 'file', path, wake })
  }

  links(wake: () => void): Promise<Stop> {
    return this.#add({ kind: 'links', path: '', wake })
  }

  rules(wake: () => void): Promise<Stop> {
    return this.#add({ kind: 'rules', path: '', wake })
  }

  /** Something at that path was changed by somebody. */
  touched(path: string): void {
    for (const watcher of this.#watchers) {
      const below = watcher.kind === 'directory' && (path === watcher.path || path.startsWith(`${watcher.path}/`))
      if (below || (watcher.kind === 'file' && watcher.path === path)) this.#hint(watcher)
    }
  }

  /** The kernel tells of links or rules. */
  changed(kind: 'links' | 'rules'): void {
    for (const watcher of this.#watchers) if (watcher.kind === kind) this.#hint(watcher)
  }

  #hint(watcher: Watcher): void {
    for (const delay of this.deliver(watcher.kind)) {
      this.#clock.after(delay, () => {
        if (this.#watchers.has(watcher)) watcher.wake()
      })
    }
  }

  async #add(watcher: Watcher): Promise<Stop> {
    this.#watchers.add(watcher)
    return () => {
      this.#watchers.delete(watcher)
    }
  }
}
