import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { closing, openOrCreate, pathOf } from './descriptor.ts'

/** Bytes of a dying program's output that an error shows. */
const shown = 2000

/** Where a child's stdout and stderr go. */
export interface Output {
  readonly descriptor: number
  /** What has been written since it was opened, trimmed. */
  firstWords(): string
  close(): void
}

/** Opens a regular file to append to, made 0600 when absent. */
export function openOutput(path: string): Output {
  const descriptor = openOrCreate(path, constants.O_WRONLY | constants.O_APPEND)
  const start = fstatSync(descriptor).size
  return { descriptor, firstWords: () => wordsFrom(descriptor, start), close: () => closeSync(descriptor) }
}

/** The child's descriptor cannot read, so that a VMM does not get back what others wrote there. */
function wordsFrom(descriptor: number, start: number): string {
  return closing(openSync(pathOf(descriptor), constants.O_RDONLY), (file) => {
    const bytes = new Uint8Array(shown)
    const length = readSync(file, bytes, 0, shown, start)
    return new TextDecoder().decode(bytes.subarray(0, length)).trim()
  })
}
