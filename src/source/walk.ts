import type { Files, Stat } from '../world/files.ts'
import { faultOf } from './file-fault.ts'
import { type ScanLimits, tooMuch } from './limits.ts'
import { resolveLinks } from './links.ts'
import type { SeenDirectory } from './tree.ts'

/** A manifest that a walk came by. */
export interface FoundFile {
  /** Relative to the directory of manifests. */
  readonly path: string
  /** Absolute, to open it by. */
  readonly real: string
  /** What stood there; for a link, at its end. */
  readonly stat: Stat
}

/** What a walk found. */
export interface Walk {
  readonly directories: Map<string, SeenDirectory>
  readonly files: FoundFile[]
  /** Manifests that cannot be opened, with the reason. */
  readonly broken: Map<string, string>
  /** Why the walk ended early; null when it did not. */
  fault: string | null
}

interface Folder {
  readonly path: string
  readonly real: string
  readonly links: readonly string[]
  readonly depth: number
}

interface Link {
  readonly path: string
  readonly real: string
  readonly depth: number
}

/**
 * Finds every manifest below a real directory. What is there without a link comes first; then links are followed, each
 * to a file or directory that was not read already, so that neither a ring of links nor a `current -> rev-abc` beside
 * `rev-abc` reads anything twice. Names that begin with a dot are passed over: `..data` of a ConfigMap, `.git`.
 */
export async function walk(files: Files, root: Folder, limits: ScanLimits, signal: AbortSignal): Promise<Walk> {
  return new Walker(files, limits, signal).walk(root)
}

class Walker {
  readonly #files: Files
  readonly #limits: ScanLimits
  readonly #signal: AbortSignal
  readonly #found: Walk = { directories: new Map(), files: [], broken: new Map(), fault: null }
  readonly #links: Link[] = []
  readonly #seen = new Set<string>()
  #bytes = 0

  constructor(files: Files, limits: ScanLimits, signal: AbortSignal) {
    this.#files = files
    this.#limits = limits
    this.#signal = signal
  }

  async walk(root: Folder): Promise<Walk> {
    await this.#descend(root)
    for (let link = this.#links.shift(); link !== undefined && this.#goesOn(); link = this.#links.shift()) {
      await this.#follow(link)
    }
    return this.#found
  }

  async #descend(start: Folder): Promise<void> {
    const folders = [start]
    for (let folder = folders.shift(); folder !== undefined && this.#goesOn(); folder = folders.shift()) {
      folders.push(...(await this.#enter(folder)))
    }
  }

  /** Takes note of a directory and what is in it; answers the directories in it. */
  async #enter(folder: Folder): Promise<readonly Folder[]> {
    this.#signal.throwIfAborted()
    const { path, real, links } = folder
    let identity = ''
    try {
      const stat = await this.#files.stat(real)
      identity = stat?.type === 'directory' ? stat.identity : ''
      this.#seen.add(identity)
      if (folder.depth > this.#limits.depth) return this.#refuse(folder, identity, this.#tooDeep())
      if (stat === null) return this.#refuse(folder, identity, 'vanished while it was read')
      if (identity === '') return this.#refuse(folder, identity, 'is not a directory: put one in its place')
      const entries = await this.#files.list(real, this.#limits.entries)
      this.#found.directories.set(path, { identity, links, fault: null })
      if (this.#found.directories.size > this.#limits.directories) this.#stop(`${this.#limits.directories} directories`)
      return await this.#sort(folder, entries)
    } catch (error) {
      return this.#refuse(folder, identity, faultOf(error))
    }
  }

  async #sort(folder: Folder, entries: Awaited<ReturnType<Files['list']>>): Promise<readonly Folder[]> {
    const folders: Folder[] = []
    for (const { name, type } of entries) {
      if (name.startsWith('.')) continue
      const path = folder.path === '' ? name : `${folder.path}/${name}`
      const real = `${folder.real === '/' ? '' : folder.real}/${name}`
      if (type === 'directory') folders.push({ path, real, links: [], depth: folder.depth + 1 })
      else if (type === 'symlink') this.#links.push({ path, real, depth: folder.depth + 1 })
      else if (isManifest(name))
        await this.#take(path, real, type === 'file' ? await this.#files.stat(real) : 'special')
    }
    return folders
  }

  async #follow({ path, real, depth }: Link): Promise<void> {
    try {
      const stat = await this.#files.statFollowing(real)
      if (stat === null) this.#dangling(path, 'is a link to nothing: point it at a file or directory')
      else if (this.#seen.has(stat.identity)) return
      else if (stat.type === 'directory') await this.#followFolder(path, real, depth)
      else if (isManifest(path)) await this.#take(path, real, stat.type === 'file' ? stat : 'special')
    } catch (error) {
      this.#dangling(path, faultOf(error))
    }
  }

  async #followFolder(path: string, real: string, depth: number): Promise<void> {
    const resolved = await resolveLinks(this.#files, real)
    if (resolved === null) return this.#dangling(path, 'vanished while it was read')
    await this.#descend({ path, real: resolved.path, links: resolved.links, depth })
  }

  /** A link that leads nowhere now could lead to a file or to a directory. */
  #dangling(path: string, fault: string): void {
    if (isManifest(path)) this.#found.broken.set(path, fault)
    else this.#found.directories.set(path, { identity: '', links: [], fault })
  }

  async #take(path: string, real: string, stat: Stat | 'special' | null): Promise<void> {
    this.#signal.throwIfAborted()
    if (stat === 'special' || (stat !== null && stat.type !== 'file')) {
      this.#found.broken.set(path, 'is a device, FIFO or socket: put a file in its place')
    } else if (stat === null) {
      this.#found.broken.set(path, 'vanished while it was read')
    } else if (stat.size > this.#limits.fileBytes) {
      this.#found.broken.set(path, 'is too large: a manifest has at most 1 MiB, so split it')
    } else {
      this.#seen.add(stat.identity)
      this.#bytes += stat.size
      this.#found.files.push({ path, real, stat })
      if (this.#found.files.length > this.#limits.files) this.#stop(`${this.#limits.files} manifests`)
      if (this.#bytes > this.#limits.totalBytes) this.#stop(`${this.#limits.totalBytes} bytes of manifests`)
    }
  }

  #refuse({ path, links }: Folder, identity: string, fault: string): readonly Folder[] {
    this.#found.directories.set(path, { identity, links, fault })
    return []
  }

  #stop(limit: string): void {
    this.#found.fault ??= tooMuch(limit)
  }

  #tooDeep(): string {
    return `lies more than ${this.#limits.depth} directories deep: move it up`
  }

  #goesOn(): boolean {
    return this.#found.fault === null
  }
}

function isManifest(name: string): boolean {
  return /\.(yaml|yml|json)$/.test(name)
}
