import type { Random } from '../world/clock.ts'
import { FileError, type Files } from '../world/files.ts'
import { publish } from '../world/publish.ts'
import { emptyIndex, type Index, type IndexRecord } from './index.ts'
import { decodeIndex, encodeIndex } from './index-text.ts'
import { SecretStore } from './secret-store.ts'
import type { SourceProblem } from './source.ts'

const NAME = 'accepted'
const MAX_BYTES = 512 * 1024 * 1024

/** Where an index lies. */
export interface IndexPlace {
  /** A folder of its own, 0700; its parent must be there. */
  readonly directory: string
  /** A folder of its own for the Secrets of it, 0700 like its parent; the parent's parent must be there. */
  readonly secrets: string
}

/** An {@link Index} on the disk: published whole, so that every state of it that was ever there is one that was meant. */
export class IndexStore {
  readonly #files: Files
  readonly #place: IndexPlace
  readonly #secrets: SecretStore
  /** The bytes of a damaged index, until they are kept for people to look at. */
  #damaged: Uint8Array | null = null
  #whole = false

  constructor(files: Files, random: Random, place: IndexPlace) {
    this.#files = files
    this.#place = place
    this.#secrets = new SecretStore(files, random, place.secrets)
  }

  /** Makes the folders, durably; and durable whatever names a write that failed or a controller that died left in them. */
  async prepare(): Promise<void> {
    const { directory, secrets } = this.#place
    for (const path of [directory, parentOf(secrets), secrets]) {
      await this.#files.makeDirectory(path, { mode: 0o700 })
      await this.#files.sync(parentOf(path))
    }
    for (const path of [directory, secrets]) await this.#files.sync(path)
  }

  /** An empty index when there is none. Throws a {@link FileError} when it cannot be read or is of a newer Moorage. */
  async load(): Promise<{ index: Index; damage: readonly SourceProblem[] }> {
    const bytes = await this.#read()
    this.#whole = false
    if (bytes === null) return { index: emptyIndex(), damage: [] }
    const decoded = decodeIndex(new TextDecoder().decode(bytes))
    if (decoded === null) throw new FileError('EPROTO', this.#path(), NEWER)
    this.#whole = decoded.damaged.length === 0
    this.#damaged = this.#whole ? null : bytes
    const records = new Map<string, IndexRecord>()
    for (const [key, record] of decoded.index.records) records.set(key, await this.#secrets.load(record))
    const damage = decoded.damaged.map((line) => problem(this.#path(), line, DAMAGED, null))
    return { index: { ...decoded.index, records }, damage }
  }

  /** The Secrets whose accepted version cannot be read. */
  lost(index: Index): readonly SourceProblem[] {
    const lost = [...index.records.values()].filter(({ object }) => object === null)
    return lost.map(({ key, stored }) => problem(`${this.#place.secrets}/${stored}`, 0, LOST, key))
  }

  /**
   * Answers the index as saved: Secrets have their files' names, and the versions that `previous` alone names are gone.
   * Throws a {@link FileError}; what is on the disk is one of the two then, so `load` again.
   */
  async save(index: Index, previous: Index): Promise<Index> {
    const fresh = [...index.records.values()].filter(isUnsaved)
    const saved = new Map((await this.#secrets.save(fresh)).map((record) => [record.key, record]))
    const whole = saved.size === 0 ? index : { ...index, records: new Map([...index.records, ...saved]) }
    await this.#keepDamaged()
    await publish(this.#files, `${this.#place.directory}/${NAME}`, new TextEncoder().encode(encodeIndex(whole)), {
      mode: 0o600,
    })
    if (this.#whole || whole.recover) await this.#secrets.forget(previous.records.values(), whole.records.values())
    else {
      // Everything that is wanted was accepted anew: what the lost index named is nobody's.
      await this.#secrets.sweep(whole.records.values())
      this.#whole = true
    }
    return whole
  }

  /**
   * Removes stored Secrets that nobody names: leavings of writes that failed and, unless an index that was lost may have
   * named them, of a killed controller.
   */
  async sweep(saved: Index): Promise<void> {
    if (this.#whole) await this.#secrets.sweep(saved.records.values())
    else await this.#secrets.forget([], saved.records.values())
  }

  async #read(): Promise<Uint8Array | null> {
    try {
      return await this.#files.read(this.#path(), MAX_BYTES)
    } catch (error) {
      if (error instanceof FileError && error.code === 'ENOENT') return null
      throw error
    }
  }

  async #keepDamaged(): Promise<void> {
    if (this.#damaged === null) return
    try {
      await this.#files.create(`${this.#path()}.damaged`, this.#damaged, { mode: 0o600 })
    } catch (error) {
      // The first damage is the one worth a look.
      if (!(error instanceof FileError && error.code === 'EEXIST')) throw error
    }
    this.#damaged = null
  }

  #path(): string {
    return `${this.#place.directory}/${NAME}`
  }
}

const NEWER = 'was written by a newer Moorage: run that one, or put back the index that this one wrote'
const DAMAGED =
  'is damaged: objects are accepted anew from their manifests under the uids that the host still knows; apply again what had none'
const LOST = 'the accepted version of this Secret cannot be read: put it into a manifest, or apply it again'

function isUnsaved({ ref, object, stored }: IndexRecord): boolean {
  return ref.kind === 'Secret' && object !== null && stored === null
}

function problem(file: string, line: number, message: string, key: string | null): SourceProblem {
  return { file, line, column: 0, message, key }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}
