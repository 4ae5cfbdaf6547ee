import { createHash } from 'node:crypto'
import {
  type CreateOptions,
  type Entry,
  FileError,
  type FileOptions,
  type Files,
  type Lock,
  type Stat,
} from '../../src/world/files.ts'
import {
  type DirectoryNode,
  type FileNode,
  fail,
  losePower,
  MemoryTree,
  type Node,
  type Place,
  setBytes,
  settle,
  statOf,
} from './memory-tree.ts'

/** One call of the port, before or after its effect. `index` counts calls from 0. */
export interface Call {
  readonly index: number
  readonly name: keyof Files
  readonly path: string
  readonly phase: 'before' | 'after'
}

/** Sees every call twice; what it throws is what the caller gets. It may change the tree to play somebody else. */
export type Hook = (call: Call) => void

/**
 * Files in memory, with inodes, devices, links and two kinds of end: a killed process (what was done stays) and a power
 * failure (what was not synced is gone). Its own calls, as `write` and `unlink`, are those of somebody else on the host:
 * they are not counted, pass no hook and are durable at once.
 */
export class MemoryFiles implements Files {
  /** Every call of the port so far, and the paths that were synced, in order. */
  readonly calls: { readonly name: keyof Files; readonly path: string }[] = []
  hook: Hook = () => {}
  readonly #tree: MemoryTree
  readonly #now: () => number
  readonly #locked = new Set<Node>()
  readonly #denied = new Map<Node, string>()

  constructor(now: () => number = () => 1_700_000_000_000) {
    this.#now = now
    this.#tree = new MemoryTree(now)
  }

  // --- somebody else on the host ------------------------------------------------------------------------------------

  /** Writes in place, as `echo >` does; makes the folders above. */
  write(path: string, text: string | Uint8Array, mode = 0o644): void {
    const parent = this.folder(parentOf(path))
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
    const there = this.#tree.place(path, { last: true })
    if (there.node?.type === 'file') {
      setBytes(there.node, bytes)
      Object.assign(there.node, { durable: bytes, modifiedAt: this.#now() })
      return
    }
    this.#set(parent, nameOf(path), Object.assign(this.#tree.file(parent.device, mode, bytes), { durable: bytes }))
  }

  /** A new file under that name, as editors and git do. */
  replace(path: string, text: string): void {
    this.unlink(path)
    this.write(path, text)
  }

  /** Sets the time of the last change. */
  touch(path: string, modifiedAt: number): void {
    this.#node(path, false).modifiedAt = modifiedAt
  }

  folder(path: string): DirectoryNode {
    let here = this.#tree.root
    let done = ''
    for (const part of path.split('/').filter(Boolean)) {
      done += `/${part}`
      const found = this.#tree.place(done, { last: true }).node
      const next = found ?? this.#tree.directory(here.device, 0o755)
      if (next.type !== 'directory') throw fail('ENOTDIR', done)
      if (found === null) this.#set(here, part, next)
      here = next
    }
    return here
  }

  /** Makes or swaps a link, in one step. */
  link(target: string, path: string): void {
    const parent = this.folder(parentOf(path))
    this.#set(parent, nameOf(path), this.#tree.link(parent.device, target))
  }

  /** A FIFO, socket or device. */
  special(path: string): void {
    const parent = this.folder(parentOf(path))
    this.#set(parent, nameOf(path), this.#tree.other(parent.device))
  }

  /** Removes a file, a link or a whole folder; nothing when there is none. */
  unlink(path: string): void {
    const { parent, name } = this.#tree.place(path, { last: false })
    parent.entries.delete(name)
    parent.durable.delete(name)
  }

  move(from: string, to: string): void {
    const node = this.#node(from, false)
    this.unlink(from)
    this.#set(this.folder(parentOf(to)), nameOf(to), node)
  }

  /** Covers a folder by an empty one of another device; the returned call uncovers it again. */
  mount(path: string, device: number): () => void {
    const covered = this.folder(path)
    const { parent, name } = this.#tree.place(path, { last: true })
    this.#set(parent, name, this.#tree.directory(device, 0o755))
    return () => this.#set(parent, name, covered)
  }

  /** Every call on that very node fails with `code` until `allow`. */
  deny(path: string, code = 'EACCES'): void {
    this.#denied.set(this.#node(path, false), code)
  }

  allow(path: string): void {
    this.#denied.delete(this.#node(path, false))
  }

  /** The node itself, null when there is none: for whoever holds a file open. Throws what a denied one says. */
  at(path: string, following = false): Node | null {
    const { node } = this.#tree.place(path, { last: following })
    return node === null ? null : this.#allowed(node, path)
  }

  /** The text of a file, null when there is none. */
  text(path: string): string | null {
    const bytes = this.bytes(path)
    return bytes === null ? null : new TextDecoder().decode(bytes)
  }

  /** The bytes of a file, null when there is none. They are never changed: what writes puts others in their place. */
  bytes(path: string): Uint8Array | null {
    const node = this.#peek(path)
    return node?.type === 'file' ? node.bytes : null
  }

  /** Everything below a folder: path and, for files, text. A link is what it is; nothing is listed behind it. */
  everything(path = '/'): { path: string; type: Node['type']; mode: number; text: string }[] {
    const node = this.#peek(path)
    if (node?.type !== 'directory') return []
    return [...node.entries].sort().flatMap(([name, child]) => {
      const full = `${path === '/' ? '' : path}/${name}`
      const text = child.type === 'file' ? new TextDecoder().decode(child.bytes) : ''
      const below = child.type === 'directory' ? this.everything(full) : []
      return [{ path: full, type: child.type, mode: child.mode, text }, ...below]
    })
  }

  /** The process is gone; what it did stays, in the page cache. */
  kill(): void {
    this.hook = () => {}
    this.#locked.clear()
  }

  /** The host lost power: only what was synced is there, and whatever is directly in a directory that `spared` names. */
  losePower(spared: (inode: number) => boolean = () => false): void {
    this.kill()
    losePower(this.#tree.root, ({ inode }) => spared(inode))
  }

  /** As if `sync` had been run. */
  syncAll(): void {
    settle(this.#tree.root)
  }

  #set(parent: DirectoryNode, name: string, node: Node): void {
    parent.entries.set(name, node)
    parent.durable.set(name, node)
  }

  #peek(path: string, last = true): Node | null {
    try {
      return this.#tree.place(path, { last }).node
    } catch {
      return null
    }
  }

  // --- the port -----------------------------------------------------------------------------------------------------

  read(path: string, limit: number): Promise<Uint8Array> {
    return this.#call('read', path, () => this.#bytes(path, limit, this.#file(path, { last: false })))
  }

  readBeneath(root: string, relative: string, limit: number): Promise<Uint8Array> {
    const path = `${root}/${relative}`
    return this.#call('readBeneath', path, () => this.#bytes(path, limit, this.#beneath(root, relative)))
  }

  readFollowing(path: string, limit: number): Promise<Uint8Array> {
    return this.#call('readFollowing', path, () => this.#bytes(path, limit, this.#file(path, { last: true })))
  }

  stat(path: string): Promise<Stat | null> {
    return this.#call('stat', path, () => this.#stat(() => this.#tree.place(path, { last: false }).node, path))
  }

  statFollowing(path: string): Promise<Stat | null> {
    return this.#call('statFollowing', path, () => this.#stat(() => this.#tree.place(path, { last: true }).node, path))
  }

  statBeneath(root: string, relative: string): Promise<Stat | null> {
    const path = `${root}/${relative}`
    return this.#call('statBeneath', path, () => this.#stat(() => this.#placeBeneath(root, relative), path))
  }

  hashBeneath(root: string, relative: string, signal: AbortSignal): Promise<string> {
    return this.#call('hashBeneath', `${root}/${relative}`, () => {
      signal.throwIfAborted()
      return createHash('sha256').update(this.#beneath(root, relative).bytes).digest('hex')
    })
  }

  list(path: string, limit: number): Promise<readonly Entry[]> {
    return this.#call('list', path, () => this.#entries(this.#folderAt(path, false), path, limit))
  }

  listFollowing(path: string, limit: number): Promise<readonly Entry[]> {
    return this.#call('listFollowing', path, () => this.#entries(this.#folderAt(path, true), path, limit))
  }

  makeDirectory(path: string, options: CreateOptions): Promise<void> {
    return this.#call('makeDirectory', path, () => {
      const { parent, name, node } = this.#tree.place(path, { last: false })
      if (node !== null && node.type !== 'directory') throw fail('ENOTDIR', path)
      const made = node ?? this.#tree.directory(parent.device, options.mode)
      Object.assign(made, { mode: options.mode, uid: options.uid ?? made.uid, gid: options.gid ?? made.gid })
      if (node === null) this.#enter(parent, name, made)
    })
  }

  create(path: string, bytes: Uint8Array, options: FileOptions): Promise<void> {
    return this.#call('create', path, () => {
      const made = this.#make(path, bytes, options)
      if (options.durable !== false) made.durable = bytes
    })
  }

  createSparse(path: string, size: number, options: CreateOptions): Promise<void> {
    return this.#call('createSparse', path, () => {
      this.#make(path, new Uint8Array(), options).size = size
    })
  }

  sync(path: string): Promise<void> {
    return this.#call('sync', path, () => {
      const node = this.#node(path, false)
      if (node.type === 'symlink') throw fail('ELOOP', path)
      if (node.type === 'directory') node.durable = new Map(node.entries)
      if (node.type === 'file') node.durable = node.bytes
    })
  }

  rename(from: string, to: string): Promise<void> {
    return this.#call('rename', from, () => {
      const source = this.#tree.place(from, { last: false })
      const target = this.#tree.place(to, { last: false })
      if (source.node === null) throw fail('ENOENT', from)
      if (source.parent.device !== target.parent.device) throw fail('EXDEV', to)
      if (target.node?.type === 'directory' && target.node.entries.size > 0) throw fail('ENOTEMPTY', to)
      source.parent.entries.delete(source.name)
      this.#enter(target.parent, target.name, source.node)
    })
  }

  truncate(path: string, size: number): Promise<void> {
    return this.#call('truncate', path, () => {
      const file = this.#file(path, { last: false })
      Object.assign(file, { bytes: file.bytes.slice(0, size), size, modifiedAt: this.#now() })
    })
  }

  chown(path: string, uid: number, gid: number): Promise<void> {
    return this.#call('chown', path, () => void Object.assign(this.#node(path, false), { uid, gid }))
  }

  chmod(path: string, mode: number): Promise<void> {
    return this.#call('chmod', path, () => {
      const node = this.#node(path, false)
      if (node.type === 'symlink') throw fail('ELOOP', path)
      node.mode = mode
    })
  }

  symlink(target: string, path: string): Promise<void> {
    return this.#call('symlink', path, () => {
      const { parent, name, node } = this.#tree.place(path, { last: false })
      if (node !== null) throw fail('EEXIST', path)
      this.#enter(parent, name, this.#tree.link(parent.device, target))
    })
  }

  readLink(path: string): Promise<string | null> {
    return this.#call('readLink', path, () => {
      const node = this.#peek(path, false)
      return node?.type === 'symlink' ? node.target : null
    })
  }

  remove(path: string): Promise<void> {
    return this.#call('remove', path, () => {
      const place = this.#find(path)
      if (place?.node?.type === 'directory') throw fail('EISDIR', path)
      place?.parent.entries.delete(place.name)
    })
  }

  removeDirectory(path: string): Promise<void> {
    return this.#call('removeDirectory', path, () => {
      const place = this.#find(path)
      const node = place?.node ?? null
      if (node !== null && node.type !== 'directory') throw fail('ENOTDIR', path)
      if (node !== null && node.entries.size > 0) throw fail('ENOTEMPTY', path)
      place?.parent.entries.delete(place.name)
    })
  }

  lock(path: string): Promise<Lock | null> {
    return this.#call('lock', path, () => {
      const { parent, name, node } = this.#tree.place(path, { last: false })
      if (node?.type === 'symlink') throw fail('ELOOP', path)
      const held = node ?? this.#tree.file(parent.device, 0o600, new Uint8Array())
      if (node === null) this.#enter(parent, name, held)
      if (this.#locked.has(held)) return null
      this.#locked.add(held)
      return { release: async () => void this.#locked.delete(held) }
    })
  }

  free(path: string): Promise<number> {
    return this.#call('free', path, () => {
      this.#node(path, true)
      return 2 ** 40
    })
  }

  async #call<T>(name: keyof Files, path: string, run: () => T): Promise<T> {
    await Promise.resolve()
    const index = this.calls.push({ name, path }) - 1
    this.hook({ index, name, path, phase: 'before' })
    const result = run()
    this.hook({ index, name, path, phase: 'after' })
    return result
  }

  /** null when there is not even a folder for it. */
  #find(path: string): Place | null {
    try {
      return this.#tree.place(path, { last: false })
    } catch (error) {
      if (!isMissing(error)) throw error
      return null
    }
  }

  #node(path: string, last: boolean): Node {
    const { node } = this.#tree.place(path, { last })
    if (node === null) throw fail('ENOENT', path)
    return this.#allowed(node, path)
  }

  #allowed<T extends Node>(node: T, path: string): T {
    const code = this.#denied.get(node)
    if (code !== undefined) throw fail(code, path)
    return node
  }

  #file(path: string, options: { last: boolean }): FileNode {
    return this.#asFile(this.#node(path, options.last), path)
  }

  #beneath(root: string, relative: string): FileNode {
    const path = `${root}/${relative}`
    const node = this.#placeBeneath(root, relative)
    if (node === null) throw fail('ENOENT', path)
    return this.#asFile(this.#allowed(node, path), path)
  }

  #placeBeneath(root: string, relative: string): Node | null {
    const path = `${root}/${relative}`
    if (relative.length > 4095) throw fail('ENAMETOOLONG', path)
    const plain = relative.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
    if (!plain || relative.includes('\0')) throw fail('EINVAL', path)
    try {
      return this.#tree.place(relative, { last: false, links: false }, this.#folderAt(root)).node
    } catch (error) {
      throw fail(codeOf(error), path)
    }
  }

  #asFile(node: Node, path: string): FileNode {
    if (node.type === 'symlink') throw fail('ELOOP', path)
    if (node.type !== 'file') throw fail('EINVAL', path)
    return node
  }

  #bytes(path: string, limit: number, { bytes, size }: FileNode): Uint8Array {
    if (size > limit) throw fail('EFBIG', path)
    const whole = new Uint8Array(size)
    whole.set(bytes)
    return whole
  }

  #stat(find: () => Node | null, path: string): Stat | null {
    try {
      const node = find()
      return node === null ? null : statOf(node)
    } catch (error) {
      if (isMissing(error)) return null
      throw error instanceof Error ? error : fail('EIO', path)
    }
  }

  #folderAt(path: string, last = true): DirectoryNode {
    const node = this.#node(path, last)
    if (node.type !== 'directory') throw fail('ENOTDIR', path)
    return node
  }

  #entries({ entries }: DirectoryNode, path: string, limit: number): readonly Entry[] {
    if (entries.size > limit) throw fail('E2BIG', path)
    return [...entries].map(([name, { type }]) => ({ name, type })).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  #make(path: string, bytes: Uint8Array, options: CreateOptions): FileNode {
    const { parent, name, node } = this.#tree.place(path, { last: false })
    if (node !== null) throw fail('EEXIST', path)
    const file = this.#tree.file(parent.device, options.mode, bytes.slice())
    Object.assign(file, { uid: options.uid ?? 0, gid: options.gid ?? 0 })
    this.#enter(parent, name, file)
    return file
  }

  #enter(parent: DirectoryNode, name: string, node: Node): void {
    parent.entries.set(name, node)
    parent.modifiedAt = this.#now()
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function codeOf(error: unknown): string {
  return error instanceof FileError ? error.code : 'EIO'
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(codeOf(error))
}
