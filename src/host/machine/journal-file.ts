import type { Files } from '../../world/files.ts'
import { replaceFile } from '../folder.ts'
import { emptyJournal, type Journal, parseJournal, readJournal } from './journal.ts'
import type { Runtime } from './runtime.ts'

/** Bytes of events after which they are summed up and cut off. A guest that resets in a loop writes 5 kB a second. */
const longest = 256 << 10

/** Bytes that are read at most; more came in a few seconds only if the VMM means harm, and then nothing of it counts. */
const readable = 16 << 20

/** The journal of one incarnation; calls to it are put one behind the other. */
export interface JournalFile {
  read(): Promise<Journal>
}

export function journalFile(files: Files, runtime: Runtime): JournalFile {
  let before: Journal | null = null
  let last: Promise<unknown> = Promise.resolve()
  const read = async (): Promise<Journal> => {
    before ??= parseJournal(await textOf(files, runtime.journalBefore)) ?? emptyJournal
    const text = await textOf(files, runtime.journal)
    const journal = readJournal(text, before)
    if (text.length > longest) {
      // Summed up first: when we die in between, events that are in the sum are not counted again.
      await replaceFile(files, runtime.journalBefore, JSON.stringify(journal))
      await files.truncate(runtime.journal, 0)
      before = journal
    }
    return journal
  }
  return {
    read() {
      const next = last.then(read, read)
      last = next.catch(() => {})
      return next
    },
  }
}

/** The text of a file, empty when there is none or too much. */
async function textOf(files: Files, path: string): Promise<string> {
  const stat = await files.stat(path)
  if (stat?.type !== 'file' || stat.size === 0 || stat.size > readable) return ''
  return new TextDecoder().decode(await files.read(path, readable * 2))
}
