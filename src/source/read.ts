import { hash } from 'node:crypto'
import type { Clock } from '../world/clock.ts'
import type { Files, Stat } from '../world/files.ts'
import type { Parse } from './documents.ts'
import { faultOf } from './file-fault.ts'
import type { SeenFile } from './tree.ts'
import type { FoundFile } from './walk.ts'

/** A file that changed less than this before it was read may change again without its time moving (git's 'racy' rule). */
const RACY = 2000

/** Manifests read since the event loop last had a turn, after which it gets one. */
const BREATH = 100

interface Cached {
  readonly file: SeenFile
  readonly digest: string
  /** Whether an equal stamp means equal bytes. */
  readonly settled: boolean
}

/** Reads manifests and remembers them, so that what nobody touched is neither read nor parsed again. */
export class ManifestReader {
  readonly #files: Files
  readonly #clock: Clock
  readonly #limit: number
  readonly #young: number
  readonly #parse: Parse
  #cache = new Map<string, Cached>()
  #next = new Map<string, Cached>()
  #read = 0

  /**
   * Text without an end of its last line that was written less than `young` milliseconds ago counts as half written: a
   * long manifest comes in pieces, and a piece of YAML is often good YAML with less in it. (Half of JSON is never good.)
   */
  constructor(files: Files, clock: Clock, limit: number, young: number, parse: Parse) {
    this.#files = files
    this.#clock = clock
    this.#limit = limit
    this.#young = young
    this.#parse = parse
  }

  /** Never throws for the file; one that moves while it is read is `isUnsteady`. */
  async read(found: FoundFile, signal: AbortSignal): Promise<SeenFile> {
    const stamp = stampOf(found.stat)
    const known = this.#cache.get(found.path)
    if (known?.settled && known.file.stamp === stamp) return this.#keep(found.path, known)
    this.#read += 1
    if (this.#read % BREATH === 0) await this.#clock.sleep(0, signal)
    try {
      const bytes = await this.#files.readFollowing(found.real, this.#limit)
      const after = await this.#files.statFollowing(found.real)
      if (after === null || stampOf(after) !== stamp) return unreadable(stamp, unsteadyFault)
      const digest = hash('sha256', bytes)
      const same = known?.digest === digest && known.file.stamp === stamp ? known.file : null
      const age = this.#clock.now() - found.stat.modifiedAt
      if (age >= 0 && age < this.#young && !isEnded(bytes)) return unreadable(stamp, unfinishedFault)
      return this.#keep(found.path, { file: same ?? this.#seen(stamp, bytes), digest, settled: age >= RACY })
    } catch (error) {
      return unreadable(stamp, faultOf(error))
    }
  }

  beginScan(): void {
    this.#next = new Map()
  }

  /** What this scan did not come by is forgotten. */
  endScan(): void {
    this.#cache = this.#next
  }

  #seen(stamp: string, bytes: Uint8Array): SeenFile {
    const text = decoded(bytes)
    if (text === null) return unreadable(stamp, 'is not text in UTF-8: save it as such')
    if (text.trim() === '') return unreadable(stamp, 'is empty: write an object into it or take it away')
    const documents = this.#parse(text)
    const good = documents.every(({ object }) => object !== null)
    return { stamp, fault: null, documents, text: good ? '' : text }
  }

  #keep(path: string, cached: Cached): SeenFile {
    this.#next.set(path, cached)
    return cached.file
  }
}

const unsteadyFault = 'changed while it was read'
const unfinishedFault = 'seems to be half written'

/** Whether looking again in a moment may show something else. */
export function isUnsteady({ fault }: SeenFile): boolean {
  return fault === unsteadyFault || fault === unfinishedFault
}

/** A file that cannot be read at all. */
export function unreadable(stamp: string, fault: string): SeenFile {
  return { stamp, fault, documents: [], text: '' }
}

function stampOf({ identity, size, modifiedAt }: Stat): string {
  return `${identity} ${size} ${modifiedAt}`
}

function isEnded(bytes: Uint8Array): boolean {
  const [first, last] = [bytes[0], bytes[bytes.length - 1]]
  return last === undefined || last === LINE_FEED || first === BRACE
}

const LINE_FEED = 0x0a
const BRACE = 0x7b

function decoded(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return null
  }
}
