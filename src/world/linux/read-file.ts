import { createHash } from 'node:crypto'
import { constants, fstatSync, read, readSync } from 'node:fs'
import { promisify } from 'node:util'
import { FileError } from '../files.ts'
import { closing, closingLater, reopen } from './descriptor.ts'

const readLater = promisify(read)

/** Bytes that are hashed between two looks at the signal. */
const chunk = 1 << 18

/**
 * The whole regular file that a pinned descriptor names, never more than `limit` bytes even when it grows while it is
 * read. Synchronous: a small file costs a tenth of what the thread pool would, and an idle pass reads thousands.
 */
export function readWhole(pinned: number, path: string, limit: number): Uint8Array {
  return closing(reopen(pinned, path, constants.O_RDONLY), (file) => {
    const size = fstatSync(file).size
    if (size > limit) throw tooBig(path, limit)
    // One byte more than it should hold: a file that grew is told by it. Files of /proc say 0 and hold something.
    let bytes = new Uint8Array(Math.min(limit, size || 4096) + 1)
    let length = 0
    for (;;) {
      const count = readSync(file, bytes, length, bytes.length - length, null)
      length += count
      if (length > limit) throw tooBig(path, limit)
      if (count === 0) return bytes.subarray(0, length)
      if (length === bytes.length) bytes = enlarge(bytes, limit)
    }
  })
}

/** SHA-256 in hex of the regular file that a pinned descriptor names. */
export function hashWhole(pinned: number, path: string, signal: AbortSignal): Promise<string> {
  return closingLater(reopen(pinned, path, constants.O_RDONLY), async (file) => {
    const hash = createHash('sha256')
    const bytes = new Uint8Array(chunk)
    for (;;) {
      signal.throwIfAborted()
      const { bytesRead } = await readLater(file, bytes, 0, chunk, null)
      if (bytesRead === 0) return hash.digest('hex')
      hash.update(bytes.subarray(0, bytesRead))
    }
  })
}

function enlarge(bytes: Uint8Array<ArrayBuffer>, limit: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.min(limit, bytes.length * 2) + 1)
  larger.set(bytes)
  return larger
}

function tooBig(path: string, limit: number): FileError {
  return new FileError('EFBIG', path, `${path} holds more than ${limit} bytes; make it smaller`)
}
