import {
  type BigIntStats,
  chmodSync,
  constants,
  fstatSync,
  fsync,
  ftruncateSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statfsSync,
  statSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs'
import { promisify } from 'node:util'
import { type CreateOptions, FileError, type Files, type Stat } from '../files.ts'
import { createFile, createSparseFile, setOwner } from './create-file.ts'
import { closing, closingLater, openDirectory, pathOf, pin, pinBeneath, pinFollowing, reopen } from './descriptor.ts'
import { attempt, codeOf, isMissing } from './file-error.ts'
import { listDirectory } from './list-directory.ts'
import { takeLock } from './lock.ts'
import { hashWhole, readWhole } from './read-file.ts'
import { toStat } from './stat.ts'

const fsyncLater = promisify(fsync)

/** The files of this host. Metadata and small reads are synchronous inside; what may take long is not. */
export function linuxFiles(): Files {
  return {
    read: (path, limit) => attempt('read', path, () => readPinned(pin(path), path, limit)),
    readBeneath: (root, relative, limit) => {
      const path = `${root}/${relative}`
      return attempt('read', path, () => readPinned(pinBeneath(root, relative), path, limit))
    },
    readFollowing: (path, limit) => attempt('read', path, () => readPinned(pinFollowing(path), path, limit)),
    stat: (path) => attempt('stat', path, () => orNull(lstatSync(path, lenient))),
    statFollowing: (path) => attempt('stat', path, () => orNull(statSync(path, lenient))),
    statBeneath: (root, relative) => attempt('stat', `${root}/${relative}`, () => statBeneath(root, relative)),
    hashBeneath: (root, relative, signal) => hashBeneath(root, relative, signal),
    list: (path, limit) =>
      attempt('list', path, () => closing(openDirectory(path), (d) => listDirectory(d, path, limit))),
    listFollowing: (path, limit) =>
      attempt('list', path, () => closing(pinFollowing(path), (d) => listDirectory(d, path, limit))),
    makeDirectory: (path, options) => attempt('make the directory', path, () => makeDirectory(path, options)),
    create: (path, bytes, options) => attempt('create', path, () => createFile(path, bytes, options)),
    createSparse: (path, size, options) => attempt('create', path, () => createSparseFile(path, size, options)),
    sync: (path) => attempt('sync', path, () => closingLater(openAny(path), fsyncLater)),
    rename: (from, to) => attempt(`rename ${from} to`, to, () => renameSync(from, to)),
    truncate: (path, size) => attempt('truncate', path, () => truncate(path, size)),
    chown: (path, uid, gid) => attempt('chown', path, () => lchownSync(path, uid, gid)),
    chmod: (path, mode) => attempt('chmod', path, () => chmod(path, mode)),
    symlink: (target, path) => attempt('link', path, () => symlinkSync(target, path)),
    readLink: (path) => attempt('read the link', path, () => readLink(path)),
    remove: (path) => attempt('remove', path, () => unlessMissing(path, () => unlinkSync(path))),
    removeDirectory: (path) => attempt('remove', path, () => unlessMissing(path, () => rmdirSync(path))),
    lock: (path) => attempt('lock', path, () => takeLock(path)),
    free: (path) => attempt('measure', path, () => free(path)),
  }
}

const lenient = { bigint: true, throwIfNoEntry: false } as const

function orNull(stats: BigIntStats | undefined): Stat | null {
  return stats === undefined ? null : toStat(stats)
}

function readPinned(pinned: number, path: string, limit: number): Uint8Array {
  return closing(pinned, () => readWhole(pinned, path, limit))
}

function statBeneath(root: string, relative: string): Stat | null {
  try {
    return closing(pinBeneath(root, relative), (pinned) => toStat(fstatSync(pinned, { bigint: true })))
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

function hashBeneath(root: string, relative: string, signal: AbortSignal): Promise<string> {
  const path = `${root}/${relative}`
  const hash = () => closingLater(pinBeneath(root, relative), (pinned) => hashWhole(pinned, path, signal))
  return attempt('hash', path, hash, signal)
}

/** The umask is not asked. Nothing is written when it is right already, so that a pass without change changes no ctime. */
function makeDirectory(path: string, options: CreateOptions): void {
  try {
    mkdirSync(path, 0o700)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
  closing(openDirectory(path), (directory) => {
    const { mode, uid, gid } = toStat(fstatSync(directory, { bigint: true }))
    const same = mode === options.mode && uid === (options.uid ?? uid) && gid === (options.gid ?? gid)
    if (!same) setOwner(directory, options)
  })
}

function openAny(path: string): number {
  return closing(pin(path), (pinned) =>
    fstatSync(pinned).isDirectory() ? openDirectory(path) : reopen(pinned, path, constants.O_RDONLY),
  )
}

function truncate(path: string, size: number): void {
  closing(pin(path), (pinned) => closing(reopen(pinned, path, constants.O_WRONLY), (file) => ftruncateSync(file, size)))
}

/** Linux has no lchmod; the pinned descriptor makes sure that it is no link whose target would change. */
function chmod(path: string, mode: number): void {
  closing(pin(path), (pinned) => {
    if (fstatSync(pinned).isSymbolicLink())
      throw new FileError('ELOOP', path, `${path} is a symbolic link; name its target`)
    chmodSync(pathOf(pinned), mode)
  })
}

function readLink(path: string): string | null {
  try {
    return readlinkSync(path)
  } catch (error) {
    if (isMissing(error) || codeOf(error) === 'EINVAL') return null
    throw error
  }
}

/** ENOTDIR may mean that the folder is none, or that `path` itself is: then it is there. */
function unlessMissing(path: string, work: () => void): void {
  try {
    work()
  } catch (error) {
    if (!isMissing(error) || lstatSync(path, lenient) !== undefined) throw error
  }
}

/** What is free for users other than root, since VMs write as such. */
function free(path: string): number {
  const { bavail, bsize } = statfsSync(path, { bigint: true })
  return Number(bavail * bsize)
}
