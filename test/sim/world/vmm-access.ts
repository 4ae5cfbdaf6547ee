import { FileError } from '../../../src/world/files.ts'
import type { MemoryFiles } from '../../world/memory-files.ts'
import { type FileNode, fail, type Node, setBytes } from '../../world/memory-tree.ts'

/** As whom a program opens files. */
export interface Who {
  readonly uid: number
  readonly gid: number
  readonly groups: readonly number[]
}

/** Bits of a mode as access(2) has them. */
export const reading = 4
export const writing = 2
const searching = 1

/** open(2) of a regular file by that user, links followed; throws a FileError. What it answers stays open when it is renamed. */
export function openAs(files: MemoryFiles, path: string, who: Who, want: number): FileNode {
  for (let end = path.indexOf('/', 1); end > 0; end = path.indexOf('/', end + 1)) {
    const folder = files.at(path.slice(0, end), true)
    if (folder === null) throw fail('ENOENT', path)
    if (folder.type !== 'directory') throw fail('ENOTDIR', path)
    if (!allows(folder, who, searching)) throw fail('EACCES', path)
  }
  const node = files.at(path, true)
  if (node === null) throw fail('ENOENT', path)
  if (node.type === 'directory') throw fail('EISDIR', path)
  if (node.type !== 'file') throw fail('ENXIO', path)
  if (!allows(node, who, want)) throw fail('EACCES', path)
  return node
}

/** strerror(3) of what a FileError says. */
export function wordsOf(error: unknown): string {
  const code = error instanceof FileError ? error.code : 'EIO'
  return sayings[code] ?? code
}

/** Appends to an open file, wherever it is by now. */
export function append(file: FileNode, text: string, now: number): void {
  const added = new TextEncoder().encode(text)
  const whole = new Uint8Array(file.size + added.length)
  whole.set(file.bytes)
  whole.set(added, file.size)
  setBytes(file, whole)
  file.modifiedAt = now
}

function allows({ mode, uid, gid }: Node, who: Who, want: number): boolean {
  if (who.uid === 0) return true
  const shift = who.uid === uid ? 6 : who.gid === gid || who.groups.includes(gid) ? 3 : 0
  return ((mode >> shift) & want) === want
}

const sayings: Readonly<Record<string, string>> = {
  ENOENT: 'No such file or directory',
  EACCES: 'Permission denied',
  ENOTDIR: 'Not a directory',
  EISDIR: 'Is a directory',
  ELOOP: 'Too many levels of symbolic links',
  ENXIO: 'No such device or address',
  EIO: 'Input/output error',
}
