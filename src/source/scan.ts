import type { Clock } from '../world/clock.ts'
import type { Files } from '../world/files.ts'
import { faultOf } from './file-fault.ts'
import { type ScanLimits, scanLimits } from './limits.ts'
import { type Resolved, resolveLinks } from './links.ts'
import { ManifestReader, unreadable, unsteadyFault } from './read.ts'
import type { SeenFile, Tree } from './tree.ts'
import { walk } from './walk.ts'

/** Reads a directory of manifests as a whole, again and again; what nobody touched in between is not parsed again. */
export class Scanner {
  readonly #files: Files
  readonly #root: string
  readonly #limits: ScanLimits
  readonly #reader: ManifestReader

  /** `root` is absolute; it may be or lie behind a link. */
  constructor(files: Files, clock: Clock, root: string, limits: ScanLimits = scanLimits) {
    this.#files = files
    this.#root = root
    this.#limits = limits
    this.#reader = new ManifestReader(files, clock, limits.fileBytes)
  }

  /** Never throws for what is in the directory, nor for its absence. */
  async scan(signal: AbortSignal): Promise<Tree> {
    signal.throwIfAborted()
    try {
      const before = await resolveLinks(this.#files, this.#root)
      if (before === null) return this.#nothing('is not there: make it or mount it')
      const tree = await this.#read(before, signal)
      return this.#unchanged(tree, before, await resolveLinks(this.#files, this.#root))
    } catch (error) {
      if (signal.aborted) throw error
      return this.#nothing(faultOf(error))
    }
  }

  async #read(at: Resolved, signal: AbortSignal): Promise<Tree> {
    const { directories, files, broken, fault } = await walk(
      this.#files,
      { path: '', real: at.path, links: at.links, depth: 0 },
      this.#limits,
      signal,
    )
    const seen = new Map<string, SeenFile>()
    this.#reader.beginScan()
    for (const found of files) seen.set(found.path, await this.#reader.read(found, signal))
    for (const [path, why] of broken) seen.set(path, unreadable('', why))
    this.#reader.endScan()
    const unsteady = [...seen.values()].some((file) => file.fault === unsteadyFault)
    const rootFault = directories.get('')?.fault ?? null
    return {
      root: this.#root,
      fault: rootFault ?? fault,
      unsteady,
      directories,
      files: new Map([...seen].sort(byPath)),
    }
  }

  /** A link that was re-pointed meanwhile, or a directory that was replaced, makes the scan say nothing of what is absent. */
  #unchanged(tree: Tree, before: Resolved, after: Resolved | null): Tree {
    const same = after?.identity === before.identity && after.links.join('\n') === before.links.join('\n')
    return same || tree.fault !== null ? tree : { ...tree, fault: 'was replaced while it was read', unsteady: true }
  }

  #nothing(fault: string): Tree {
    return { root: this.#root, fault, unsteady: false, directories: new Map(), files: new Map() }
  }
}

function byPath([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1
}
