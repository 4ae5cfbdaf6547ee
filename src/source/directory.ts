import type { AnyObject } from '../api/kinds.ts'
import { keyOf } from '../api/meta.ts'
import type { Clock, Random } from '../world/clock.ts'
import { FileError, type Files } from '../world/files.ts'
import { accept, type Verdict } from './accept.ts'
import type { Parse } from './documents.ts'
import { DurableIndex } from './durable-index.ts'
import { fileOf, type Index } from './index.ts'
import { IndexStore } from './index-store.ts'
import type { ScanLimits } from './limits.ts'
import { deleteObjects, finishObject, putObjects } from './objects.ts'
import { Scanner } from './scan.ts'
import { Serial } from './serial.ts'
import { defaultSettle, type Settle } from './settle.ts'
import type { Accepted, OwnObjects, Refusal, Source, SourceProblem, SourceView } from './source.ts'
import { fullPath, type Tree } from './tree.ts'
import { type RecoverUid, uidGiver } from './uid.ts'
import { acceptedOf, type Remarks } from './view.ts'

export interface DirectoryOptions {
  readonly files: Files
  readonly clock: Clock
  readonly random: Random
  /** The watched directory, absolute; never written to. */
  readonly manifests: string
  /** `/var/lib/moorage`; must be there. `index`, `objects` and `secrets` are made in it. */
  readonly state: string
  /** Asked for objects without a record. Default: nothing is known. */
  readonly recoverUid?: RecoverUid
  readonly settle?: Settle
  readonly limits?: ScanLimits
  readonly parse?: Parse | undefined
}

/**
 * A directory of manifests, and beside it the machine-made objects. Each call reads everything anew; calls follow one
 * another. What it tells is on the disk before: uids, accepted versions, tombstones.
 */
export class DirectorySource implements Source, OwnObjects {
  readonly own: OwnObjects = this
  readonly #options: DirectoryOptions
  readonly #settle: Settle
  readonly #scanner: Scanner
  readonly #manifests: DurableIndex
  readonly #machine: DurableIndex
  readonly #serial = new Serial()
  /** What was told last: it stands when the index cannot be read again after a failed write. */
  #told: readonly Accepted[] = []

  constructor(options: DirectoryOptions) {
    const { files, clock, random, manifests, state } = options
    this.#options = options
    this.#settle = options.settle ?? defaultSettle
    this.#scanner = new Scanner(files, clock, manifests, options.limits, this.#settle.young, options.parse)
    const store = (directory: string, secrets: string) =>
      new IndexStore(files, random, { directory: `${state}/${directory}`, secrets: `${state}/secrets/${secrets}` })
    this.#manifests = new DurableIndex(store('index', 'accepted'))
    this.#machine = new DurableIndex(store('objects', 'applied'))
  }

  list(signal: AbortSignal): Promise<SourceView> {
    return this.#serial.run(async () => {
      const tree = await this.#scanner.scan(signal)
      try {
        const { previous, machine, verdict } = await this.#judge(tree, new Set())
        signal.throwIfAborted()
        return await this.#publish(previous, machine, verdict)
      } catch (error) {
        return this.#unreadable(error)
      }
    }, signal)
  }

  put(objects: readonly AnyObject[], signal: AbortSignal): Promise<readonly Accepted[]> {
    return this.#serial.run(async () => {
      const [manifests, machine] = [await this.#manifests.get(), await this.#machine.get()]
      const context = {
        now: this.#options.clock.now(),
        manifests,
        root: this.#options.manifests,
        uidOf: this.#uidOf(machine, manifests),
      }
      const saved = await this.#machine.set(putObjects(machine, objects, context))
      const keys = new Set<string>(objects.map(keyOf))
      return this.#accepted(saved).filter(({ key }) => keys.has(key))
    }, signal)
  }

  delete(keys: readonly string[], signal: AbortSignal): Promise<readonly Refusal[]> {
    return this.#serial.run(async () => {
      const machine = await this.#machine.get()
      const applied = await this.#machine.set(deleteObjects(machine, keys, this.#options.clock.now()))
      const others = keys.filter((key) => !applied.records.has(key))
      return others.length === 0 ? [] : this.#confirm(others, signal)
    }, signal)
  }

  /** As `delete`, for objects from manifests only. */
  confirm(keys: readonly string[], signal: AbortSignal): Promise<readonly Refusal[]> {
    return this.#serial.run(() => this.#confirm(keys, signal), signal)
  }

  finish(key: string, uid: string): Promise<void> {
    return this.#serial.run(async () => {
      const lingers = this.#recoverUid(key, true) !== null
      for (const index of [this.#manifests, this.#machine]) {
        await index.set(finishObject(await index.get(), key, uid, lingers))
      }
    })
  }

  async #confirm(keys: readonly string[], signal: AbortSignal): Promise<readonly Refusal[]> {
    const tree = await this.#scanner.scan(signal)
    const { verdict } = await this.#judge(tree, new Set(keys))
    const { records } = await this.#manifests.set(verdict.index)
    return keys.flatMap((key) => {
      const record = records.get(key)
      if (record === undefined) return [{ key, message: `there is no ${key}` }]
      if (record.deletion !== null) return []
      const file = fullPath(tree.root, fileOf(record)?.file ?? '')
      return [{ key, message: `${key} is wanted by ${file}: take it away there` }]
    })
  }

  async #judge(tree: Tree, asked: ReadonlySet<string>) {
    const [previous, machine] = [await this.#manifests.get(), await this.#machine.get()]
    const verdict = accept(previous, tree, {
      now: this.#options.clock.now(),
      settle: this.#settle,
      asked,
      elsewhere: (key) => (machine.records.has(key) ? 'a machine-made object (`moorage apply`)' : null),
      uidOf: this.#uidOf(previous, machine),
    })
    return { previous, machine, verdict }
  }

  /** Nothing of a verdict is told that is not on the disk; when it cannot be, the last one that is stands. */
  async #publish(previous: Index, machine: Index, verdict: Verdict): Promise<SourceView> {
    let index = previous
    let { recheckAt } = verdict
    const failed: SourceProblem[] = []
    try {
      index = await this.#manifests.set(verdict.index)
    } catch (error) {
      failed.push(this.#unwritable(error))
      recheckAt = this.#afterFailure()
    }
    const objects = [...this.#accepted(index, verdict), ...this.#accepted(machine)]
    objects.sort((a, b) => (a.key < b.key ? -1 : 1))
    const problems = [...failed, ...this.#manifests.problems, ...this.#machine.problems, ...verdict.problems]
    this.#told = objects
    return { objects, problems, hold: verdict.hold, recheckAt }
  }

  #accepted(index: Index, remarks: Remarks = { newer: new Map(), lines: new Map() }): readonly Accepted[] {
    return acceptedOf(index, this.#options.manifests, remarks)
  }

  #uidOf(index: Index, others: Index): (key: string) => string {
    return uidGiver(index, others, (key, lost) => this.#recoverUid(key, lost), this.#options.random)
  }

  #recoverUid(key: string, lost: boolean): string | null {
    return this.#options.recoverUid?.(key, lost) ?? null
  }

  #unwritable(error: unknown): SourceProblem {
    const { path, message } = fileError(error)
    const what = `nothing newer is accepted, since it cannot be written down: ${message}`
    return { file: path, line: 0, column: 0, message: what, key: null }
  }

  /** The index itself cannot be read: what was told last stands, and nothing newer may be concluded. */
  #unreadable(error: unknown): SourceView {
    const { path, message } = fileError(error)
    const hold = `what was accepted before cannot be read: ${message}`
    const problems = [{ file: path, line: 0, column: 0, message: hold, key: null }]
    return { objects: this.#told, problems, hold, recheckAt: this.#afterFailure() }
  }

  #afterFailure(): number {
    return this.#options.clock.now() + this.#settle.failure
  }
}

function fileError(error: unknown): FileError {
  if (error instanceof FileError) return error
  throw error
}
