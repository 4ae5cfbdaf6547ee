import type { FileNode } from '../../world/memory-tree.ts'

/** A second opener of an image that one of them writes to. */
export interface LockCollision {
  readonly path: string
  readonly holders: readonly number[]
  readonly pid: number
}

/** QEMU's locks on images, by inode: one writer alone, or any number of readers. */
export class ImageLocks {
  /** Every attempt that was refused: somebody wanted two VMMs on one image. */
  readonly collisions: LockCollision[] = []
  readonly #held = new Map<FileNode, Map<number, boolean>>()

  /** Takes it for a process; null when refused, else what lets go. */
  take(file: FileNode, path: string, pid: number, writes: boolean): (() => void) | null {
    const holders = this.#held.get(file) ?? new Map<number, boolean>()
    if (holders.size > 0 && (writes || [...holders.values()].some(Boolean))) {
      this.collisions.push({ path, holders: [...holders.keys()], pid })
      return null
    }
    this.#held.set(file, holders.set(pid, writes))
    return () => {
      holders.delete(pid)
      if (holders.size === 0) this.#held.delete(file)
    }
  }

  /** Pids that have it open read-write; the one-writer law says: at most one. */
  writers(file: FileNode): readonly number[] {
    return [...(this.#held.get(file) ?? [])].filter(([, writes]) => writes).map(([pid]) => pid)
  }
}
