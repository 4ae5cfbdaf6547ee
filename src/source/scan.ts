import type { Clock } from '../world/clock.ts'
import type { Files } from '../world/files.ts'
import { documentsOf, type Parse } from './documents.ts'
import { faultOf } from './file-fault.ts'
import { type ScanLimits, scanLimits, tooMuch } from './limits.ts'
import { type Resolved, resolveLinks } from './links.ts'
import { isUnsteady, ManifestReader, unreadable } from './read.ts'
import type { SeenFile, Tree } from './tree.ts'
import { type FoundFile, walk } from './walk.ts'

/** Reads a directory of manifests as a whole, again and again; what nobody touched in between is not parsed again. */
export class Scanner {
  readonly #files: Files
  readonly #root: string
  readonly #limits: ScanLimits
  readonly #reader: ManifestReader

  /** `root` is absolute; it may be or lie behind a link. `young`: see ManifestReader; 0 takes every text as it is. */
  constructor(
    files: Files,
    clock: Clock,
    root: string,
    limits: ScanLimits = scanLimits,
    young = 0,
    parse: Parse = documentsOf,
  ) {
    this.#files = files
    this.#root = root
    this.#limits = limits
    this.#reader = new ManifestReader(files, clock, limits.fileBytes, young, parse)
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
    const excess = await this.#readFiles(files, seen, signal)
    for (const [path, why] of broken) seen.set(path, unreadable('', why))
    return {
      root: this.#root,
      fault: directories.get('')?.fault ?? fault ?? excess,
      unsteady: [...seen.values()].some(isUnsteady),
      directories,
      files: new Map([...seen].sort(byPath)),
    }
  }

  /** Answers why it stopped early; null when it did not. */
  async #readFiles(
    files: readonly FoundFile[],
    seen: Map<string, SeenFile>,
    signal: AbortSignal,
  ): Promise<string | null> {
    let documents = 0
    this.#reader.beginScan()
    try {
      for (const found of files) {
        const file = await this.#reader.read(found, signal)
        seen.set(found.path, file)
        documents += file.documents.length
        if (documents > this.#limits.documents) return tooMuch(`${this.#limits.documents} objects`)
      }
      return null
    } finally {
      this.#reader.endScan()
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
