import type { Accepted } from '../../src/source/source.ts'
import { paths } from './host.ts'
import type { Sight } from './oracle-history.ts'

/** Milliseconds for which an object is gone before that counts. */
const settled = 1000

/** Whether what the controller takes as deleted was, and for long enough; and whether uids live as long as their objects. */
export class Deletions {
  readonly #sight: Sight
  /** When a VM or network was last there and then taken away, by `Kind/name`. */
  readonly #removals = new Map<string, number[]>()
  #there = new Set<string>()
  /** When each uid was first seen. */
  readonly #born = new Map<string, number>()
  readonly #judged = new Set<string>()
  readonly #uids = new Map<string, string>()
  readonly #generations = new Map<string, number>()
  #pass: unknown = null
  #wanted: unknown = null

  constructor(sight: Sight) {
    this.#sight = sight
  }

  /** A line of the trace. */
  note(line: string): void {
    if (line !== 'break: index removed') return
    const { host } = this.#sight
    // One that nothing else on the host bears cannot be known any more.
    for (const [key, uid] of this.#uids) {
      const known = host.controller?.ledger.current.machines
      const isRecorded = known ? uid in known : host.has(`${paths.ledger}/machines/${uid}.json`)
      const folder = `${paths.vms}/${uid.replaceAll('-', '').slice(0, 10)}`
      if (!isRecorded && !host.has(folder)) this.#uids.delete(key)
    }
  }

  look(): void {
    const { host, site } = this.#sight
    if (site.wanted !== this.#wanted) this.#operator()
    this.#wanted = site.wanted
    const last = host.controller?.last
    if (!last || last === this.#pass) return
    this.#pass = last
    if (!this.#sight.tally.has('index removed')) this.#onDisk(last.source.objects)
    for (const { object, uid, deletion, generation } of last.source.objects) {
      const key = `${object.kind}/${object.metadata.name}`
      if (!this.#born.has(uid)) this.#born.set(uid, host.time)
      if (deletion !== null) this.#deleted(object.kind, key, uid)
      else if (object.kind === 'MicroVM') this.#same(key, uid, generation)
    }
  }

  /** What is told stands on the disk; it may be of a newer generation there, or finished. */
  #onDisk(objects: readonly Accepted[]): void {
    const records = new Map([paths.index, paths.objects].flatMap((folder) => recordsIn(this.#sight, folder)))
    for (const { key, uid, generation, deletion } of objects) {
      const record = records.get(key)
      if (deletion !== null || (record?.uid === uid && record.generation >= generation)) continue
      this.#sight.fail('identity', `${key} is told and not on the disk`)
    }
  }

  #operator(): void {
    const { host, site } = this.#sight
    const { vms, networks } = site.wanted
    const there = new Set([
      ...Object.keys(vms).map((name) => `MicroVM/${name}`),
      ...Object.keys(networks).map((name) => `MicroVMNetwork/${name}`),
    ])
    for (const key of this.#there) {
      if (!there.has(key)) this.#removals.set(key, [...(this.#removals.get(key) ?? []), host.time])
    }
    this.#there = there
  }

  #deleted(kind: string, key: string, uid: string): void {
    if (this.#judged.has(uid) || kind === 'MicroVMOperation') return
    this.#judged.add(uid)
    const { host, tally } = this.#sight
    // A manifest that is cut between two documents says less in good order.
    if (kind !== 'MicroVM' && tally.has('manifest half-written')) return
    const [removal] = (this.#removals.get(key) ?? []).filter((at) => at >= this.#lastWanted(uid))
    if (removal === undefined) this.#sight.fail('I6', `${key} was taken as deleted and is wanted`)
    else if (host.time - removal < settled && !tally.has('clock set forward'))
      this.#sight.fail('I6', `${key} was taken as deleted ${host.time - removal} ms after it went`)
  }

  /** A removal before a uid was seen is of an older object of that name, but for the last moment. */
  #lastWanted(uid: string): number {
    return this.#born.get(uid)! - 60_000
  }

  #same(key: string, uid: string, generation: number): void {
    const { tally } = this.#sight
    const known = this.#uids.get(key)
    this.#uids.set(key, uid)
    if (known !== undefined && known !== uid) {
      const gone = this.#removals.get(key)?.some((at) => at >= this.#lastWanted(known))
      const lost = tally.has('index removed') && (tally.has('ledger removed') || tally.has('ledger torn'))
      if (!gone && !lost) this.#sight.fail('identity', `${key} has another uid and was never removed`)
    }
    const before = this.#generations.get(uid) ?? 0
    this.#generations.set(uid, generation)
    if (generation < before && !tally.has('index removed'))
      this.#sight.fail('identity', `${key} went back from generation ${before} to ${generation}`)
  }
}

interface Kept {
  readonly key: string
  readonly uid: string
  readonly generation: number
}

/** Records of an index as it lies on the disk: a header, then a line for each, behind a checksum. */
function recordsIn({ host }: Sight, folder: string): [string, Kept][] {
  const bytes = host.files.bytes(`${folder}/accepted`)
  if (bytes === null) return []
  const before = decoded.get(bytes)
  if (before) return before
  const [, ...lines] = new TextDecoder().decode(bytes).split('\n')
  const records = lines.flatMap((line): [string, Kept][] => {
    if (line === '') return []
    const { key, uid, generation } = JSON.parse(line.slice(17)) as Kept
    return [[key, { key, uid, generation }]]
  })
  decoded.set(bytes, records)
  return records
}

/** Bytes of a file are replaced, never changed. */
const decoded = new WeakMap<Uint8Array, [string, Kept][]>()
