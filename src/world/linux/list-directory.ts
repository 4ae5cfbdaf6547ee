import { type Dirent, lstatSync, opendirSync } from 'node:fs'
import { type Entry, FileError } from '../files.ts'
import { pathOf } from './descriptor.ts'
import { typeOf } from './stat.ts'

/** What an open directory holds, sorted by name; throws `E2BIG` past `limit` entries, having read no more. */
export function listDirectory(descriptor: number, path: string, limit: number): readonly Entry[] {
  const entries: Entry[] = []
  const directory = opendirSync(pathOf(descriptor), { bufferSize: 256 })
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      if (entries.length === limit) {
        throw new FileError('E2BIG', path, `${path} holds more than ${limit} entries; move some elsewhere`)
      }
      entries.push({ name: entry.name, type: entryType(descriptor, entry) })
    }
  } finally {
    directory.closeSync()
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Some file systems do not say the kind of an entry; then the file itself does. */
function entryType(descriptor: number, entry: Dirent): Entry['type'] {
  const type = typeOf(entry)
  if (type !== 'other') return type
  const stats = lstatSync(`${pathOf(descriptor)}/${entry.name}`, { bigint: true, throwIfNoEntry: false })
  return stats === undefined ? 'other' : typeOf(stats)
}
