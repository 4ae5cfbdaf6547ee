import { closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs'
import { FileError } from '../files.ts'
import { codeOf } from './file-error.ts'

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants

/**
 * open(2): the descriptor only names the file. Opening so needs no permission on the file itself, wakes no device and
 * waits for no FIFO. Missing from Node's constants; the value is that of every architecture Moorage runs on.
 */
const O_PATH = 0o10000000

/** PATH_MAX of limits.h. */
const longestPath = 4096

/** A path that means the open file itself, whatever its name has become since; see proc_pid_fd(5). */
export function pathOf(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`
}

/** Runs `work` and closes the descriptor whatever happens. */
export function closing<T>(descriptor: number, work: (descriptor: number) => T): T {
  try {
    return work(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** As {@link closing}, for work that takes a while. */
export async function closingLater<T>(descriptor: number, work: (descriptor: number) => Promise<T>): Promise<T> {
  try {
    return await work(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Names what is at `path`, a symbolic link in the last component included, without opening it. */
export function pin(path: string): number {
  return openSync(path, O_PATH | O_NOFOLLOW)
}

/** Names what `path` leads to. */
export function pinFollowing(path: string): number {
  return openSync(path, O_PATH)
}

/** Names the directory that `path` leads to. */
export function pinDirectory(path: string): number {
  return openSync(path, O_PATH | O_DIRECTORY)
}

/**
 * Names what is at `relative` below `root` and follows no symbolic link below it: each component is opened from the
 * descriptor of its directory, as openat2(2) does with RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH (which Node lacks), so
 * that no rename in between leads elsewhere.
 */
export function pinBeneath(root: string, relative: string): number {
  const names = components(root, relative)
  let current = pinDirectory(root)
  for (const [index, name] of names.entries()) {
    const flags = index === names.length - 1 ? 0 : O_DIRECTORY
    current = closing(current, (parent) => {
      const child = `${pathOf(parent)}/${name}`
      try {
        return openSync(child, O_PATH | O_NOFOLLOW | flags)
      } catch (error) {
        throw codeOf(error) === 'ENOTDIR' && isLink(child) ? linkError(`${root}/${relative}`, name) : error
      }
    })
  }
  return current
}

/** Opens the regular file that a pinned descriptor names; `path` is for the words of the error. */
export function reopen(descriptor: number, path: string, flags: number): number {
  const stat = fstatSync(descriptor)
  if (stat.isSymbolicLink()) throw linkError(path, path.slice(path.lastIndexOf('/') + 1))
  if (!stat.isFile()) throw new FileError('EINVAL', path, `${path} is not a regular file; put one there`)
  // O_NONBLOCK: a lease that somebody holds on the file would block the open (fcntl(2), F_SETLEASE).
  return openSync(pathOf(descriptor), flags | O_NONBLOCK | O_NOCTTY)
}

/** Opens a regular file that is no symbolic link, made 0600 when absent. */
export function openOrCreate(path: string, flags: number): number {
  try {
    return openSync(path, flags | constants.O_CREAT | constants.O_EXCL | O_NOFOLLOW, 0o600)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    return closing(pin(path), (pinned) => reopen(pinned, path, flags))
  }
}

/** Opens a directory that is not a symbolic link, so that it can be changed or synced. */
export function openDirectory(path: string): number {
  return openSync(path, constants.O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
}

function components(root: string, relative: string): string[] {
  const path = `${root}/${relative}`
  if (relative.length > longestPath) {
    throw new FileError(
      'ENAMETOOLONG',
      path,
      `a path below ${root} has more than ${longestPath} characters; shorten it`,
    )
  }
  const names = relative.split('/')
  if (relative.includes('\0') || names.some((name) => name === '' || name === '.' || name === '..')) {
    const shown = JSON.stringify(relative)
    throw new FileError(
      'EINVAL',
      path,
      `${shown} is no plain path below ${root}; write it without '..', '.', '//' or NUL`,
    )
  }
  return names
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false
}

function linkError(path: string, name: string): FileError {
  return new FileError(
    'ELOOP',
    path,
    `${path}: ${name} is a symbolic link, which is not followed here; name its target`,
  )
}
