import type { AnyObject } from '../api/kinds.ts'
import type { Random } from '../world/clock.ts'
import { FileError, type Files } from '../world/files.ts'
import type { IndexRecord } from './index.ts'
import { checked, unchecked } from './index-text.ts'

/** More than the largest manifest: base64 and escapes make text longer. */
const MAX_BYTES = 8 * 1024 * 1024
const MAX_FILES = 100_000

/** The accepted versions of Secrets, a file each, 0400 in a folder 0700; nothing of them rests anywhere else of ours. */
export class SecretStore {
  readonly #files: Files
  readonly #random: Random
  readonly #directory: string
  /** Files that were written for an index which may not have been saved, or that could not be removed. */
  readonly #loose = new Set<string>()

  constructor(files: Files, random: Random, directory: string) {
    this.#files = files
    this.#random = random
    this.#directory = directory
  }

  /** The record with its object; with null when that cannot be read. */
  async load(record: IndexRecord): Promise<IndexRecord> {
    if (record.stored === null) return record
    try {
      const bytes = await this.#files.read(`${this.#directory}/${record.stored}`, MAX_BYTES)
      return { ...record, object: unchecked(new TextDecoder().decode(bytes)) as AnyObject | null }
    } catch (error) {
      if (error instanceof FileError) return record
      throw error
    }
  }

  /** Writes the objects of new records; answers the records with the names of their files. */
  async save(records: readonly IndexRecord[]): Promise<readonly IndexRecord[]> {
    const saved: IndexRecord[] = []
    for (const record of records) {
      const stored = `${record.uid}.${Buffer.from(this.#random.bytes(4)).toString('hex')}`
      const bytes = new TextEncoder().encode(checked(JSON.stringify(record.object)))
      this.#loose.add(stored)
      await this.#files.create(`${this.#directory}/${stored}`, bytes, { mode: 0o400 })
      saved.push({ ...record, stored })
    }
    if (saved.length > 0) await this.#files.sync(this.#directory)
    return saved
  }

  /**
   * Removes the files that records of before name and those of now do not: older versions, finished Secrets. And those that
   * an earlier call, or a save that came to nothing, left.
   */
  async forget(before: Iterable<IndexRecord>, now: Iterable<IndexRecord>): Promise<void> {
    const named = namesOf(now)
    for (const name of namesOf(before)) this.#loose.add(name)
    await this.#remove([...this.#loose].filter((name) => !named.has(name)))
    this.#loose.clear()
  }

  /** Removes every file that no record names. */
  async sweep(records: Iterable<IndexRecord>): Promise<void> {
    const named = namesOf(records)
    const there = await this.#files.list(this.#directory, MAX_FILES)
    await this.#remove(there.map(({ name }) => name).filter((name) => !named.has(name)))
  }

  async #remove(names: readonly string[]): Promise<void> {
    for (const name of names) await this.#files.remove(`${this.#directory}/${name}`)
    if (names.length > 0) await this.#files.sync(this.#directory)
  }
}

function namesOf(records: Iterable<IndexRecord>): ReadonlySet<string> {
  return new Set([...records].flatMap(({ stored }) => (stored === null ? [] : [stored])))
}
