import { FileError, type Stat } from '../../src/world/files.ts'

/** What every kind of node has. */
interface Head {
  readonly inode: number
  readonly device: number
  mode: number
  uid: number
  gid: number
  modifiedAt: number
}

export interface FileNode extends Head {
  readonly type: 'file'
  bytes: Uint8Array
  /** Bytes past those of `bytes` are a hole. */
  size: number
  /** What a power failure leaves; null: nothing. */
  durable: Uint8Array | null
}

export interface DirectoryNode extends Head {
  readonly type: 'directory'
  entries: Map<string, Node>
  /** The entries that a power failure leaves. */
  durable: Map<string, Node>
}

export interface LinkNode extends Head {
  readonly type: 'symlink'
  readonly target: string
}

export interface OtherNode extends Head {
  readonly type: 'other'
}

export type Node = FileNode | DirectoryNode | LinkNode | OtherNode

/** Where a path ends: its parent and its name there; the node when there is one. */
export interface Place {
  readonly parent: DirectoryNode
  readonly name: string
  readonly node: Node | null
}

const MAX_NAME = 255
const MAX_LINKS = 40

/**
 * Nodes and the walk over them, as a kernel does it: component by component, links resolved on the way.
 * `last` says whether a link in the last component is followed; `links: false` follows none at all.
 */
export class MemoryTree {
  readonly root: DirectoryNode
  readonly #now: () => number
  #inodes = 1

  constructor(now: () => number) {
    this.#now = now
    this.root = this.directory(1, 0o755)
  }

  file(device: number, mode: number, bytes: Uint8Array): FileNode {
    return { type: 'file', ...this.#head(device, mode), bytes, size: bytes.length, durable: null }
  }

  directory(device: number, mode: number): DirectoryNode {
    return { type: 'directory', ...this.#head(device, mode), entries: new Map(), durable: new Map() }
  }

  link(device: number, target: string): LinkNode {
    return { type: 'symlink', ...this.#head(device, 0o777), target }
  }

  other(device: number): OtherNode {
    return { type: 'other', ...this.#head(device, 0o644) }
  }

  #head(device: number, mode: number): Head {
    return { inode: this.#inodes++, device, mode, uid: 0, gid: 0, modifiedAt: this.#now() }
  }

  /** The place a path names; throws ENOENT or ENOTDIR for a missing parent, ELOOP for a ring of links. */
  place(path: string, options: { last: boolean; links?: boolean }, from = this.root): Place {
    return (
      this.#straight(from, path, options.last) ??
      this.#walk(from, [from], partsOf(path), path, { links: true, ...options }, { count: 0 })
    )
  }

  /** The walk of a path with plain parts and without links on it, which is nearly every one; null for any other. */
  #straight(from: DirectoryNode, path: string, last: boolean): Place | null {
    let here = from
    let start = 0
    while (path[start] === '/') start += 1
    for (;;) {
      const slash = path.indexOf('/', start)
      const name = slash < 0 ? path.slice(start) : path.slice(start, slash)
      if (name === '' || name === '.' || name === '..') return null
      if (name.length > MAX_NAME) throw fail('ENAMETOOLONG', path)
      const node = here.entries.get(name) ?? null
      if (slash < 0) return node?.type === 'symlink' && last ? null : { parent: here, name, node }
      if (node?.type !== 'directory') return null
      here = node
      start = slash + 1
    }
  }

  #walk(
    start: DirectoryNode,
    above: readonly DirectoryNode[],
    parts: readonly string[],
    path: string,
    options: { last: boolean; links: boolean },
    hops: { count: number },
  ): Place {
    let trail = above
    let here = start
    for (const [index, part] of parts.entries()) {
      const isLast = index === parts.length - 1
      if (part === '..') {
        trail = trail.length > 1 ? trail.slice(0, -1) : trail
        here = trail[trail.length - 1]!
        if (isLast) return { parent: here, name: '.', node: here }
        continue
      }
      const node = here.entries.get(part) ?? null
      if (node?.type === 'symlink' && (!isLast || options.last)) {
        hops.count += 1
        if (!options.links || hops.count > MAX_LINKS) throw fail('ELOOP', path)
        const rest = [...partsOf(node.target), ...parts.slice(index + 1)]
        const absolute = node.target.startsWith('/')
        return absolute
          ? this.#walk(this.root, [this.root], rest, path, options, hops)
          : this.#walk(here, trail, rest, path, options, hops)
      }
      if (isLast) return { parent: here, name: part, node }
      if (node === null) throw fail('ENOENT', path)
      if (node.type !== 'directory') throw fail('ENOTDIR', path)
      here = node
      trail = [...trail, node]
    }
    return { parent: here, name: '.', node: here }
  }
}

/** What `lstat` says of a node. */
export function statOf(node: Node): Stat {
  const [size, allocated] = node.type === 'file' ? [node.size, node.bytes.length] : [0, 0]
  return {
    type: node.type,
    size,
    allocated,
    mode: node.mode,
    uid: node.uid,
    gid: node.gid,
    identity: `${node.device}:${node.inode}:0`,
    modifiedAt: node.modifiedAt,
  }
}

/** An error as the kernel would give it. */
export function fail(code: string, path: string): FileError {
  return new FileError(code, path, `${code}: ${path}`)
}

/**
 * Everything that was not synced is lost, below this directory; save what is in directories that `spared` names: a kernel
 * may have written those by itself.
 */
export function losePower(directory: DirectoryNode, spared: (directory: DirectoryNode) => boolean): void {
  if (!spared(directory)) directory.entries = new Map(directory.durable)
  for (const node of directory.entries.values()) {
    if (node.type === 'directory') losePower(node, spared)
    if (node.type === 'file') forget(node)
  }
}

/** What was not synced is lost; a hole stays, since a length that was set is on the disk with its inode. */
function forget(file: FileNode): void {
  const hole = file.size > file.bytes.length ? file.size : 0
  setBytes(file, file.durable ?? new Uint8Array())
  file.size = Math.max(file.size, hole)
}

/** Everything below this directory is as if it had been synced. */
export function settle(directory: DirectoryNode): void {
  directory.durable = new Map(directory.entries)
  for (const node of directory.entries.values()) {
    if (node.type === 'directory') settle(node)
    if (node.type === 'file') node.durable = node.bytes
  }
}

/** Gives a file other bytes, without a hole. */
export function setBytes(file: FileNode, bytes: Uint8Array): void {
  file.bytes = bytes
  file.size = bytes.length
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.')
}
