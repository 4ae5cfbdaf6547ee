import { constants, fchmodSync, fchownSync, fsync, ftruncateSync, openSync, rmSync, write, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import type { CreateOptions, FileOptions } from '../files.ts'
import { closingLater } from './descriptor.ts'

const fsyncLater = promisify(fsync)
const writeLater = promisify(write)
const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants

/** Bytes that are written in one go and not by a thread of their own. */
const small = 1 << 16

/** A new file with those bytes, on the disk when the call resolves. Owner and mode are set before the first byte. */
export function createFile(path: string, bytes: Uint8Array, options: FileOptions): Promise<void> {
  return fresh(path, options, async (file) => {
    if (bytes.length <= small && writeSync(file, bytes) === bytes.length) return
    ftruncateSync(file, 0)
    for (let done = 0; done < bytes.length; ) {
      done += (await writeLater(file, bytes, done, bytes.length - done, done)).bytesWritten
    }
  })
}

/** A new file of `size` bytes, all of them a hole. */
export function createSparseFile(path: string, size: number, options: CreateOptions): Promise<void> {
  return fresh(path, options, async (file) => ftruncateSync(file, size))
}

async function fresh(path: string, options: FileOptions, fill: (file: number) => Promise<void>): Promise<void> {
  const opened = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600 & options.mode)
  await closingLater(opened, async (file) => {
    try {
      setOwner(file, options)
      await fill(file)
      if (options.durable !== false) await fsyncLater(file)
    } catch (error) {
      rmSync(path, { force: true })
      throw error
    }
  })
}

/** Owner first: chown(2) clears the set-id bits. fchmod does not ask the umask. */
export function setOwner(descriptor: number, options: CreateOptions): void {
  if (options.uid !== undefined || options.gid !== undefined) {
    fchownSync(descriptor, options.uid ?? unchanged, options.gid ?? unchanged)
  }
  fchmodSync(descriptor, options.mode)
}

/** What chown(2) takes as 'leave it', -1 as uid_t. */
const unchanged = 0xffffffff
