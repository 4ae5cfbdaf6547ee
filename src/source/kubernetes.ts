import { type Kind, ourKinds } from '../api/kinds.ts'
import type { Client } from '../kubernetes/client.ts'
import { pauseAfter } from '../kubernetes/pause.ts'
import { type Departed, newReflector, type Reflector } from '../kubernetes/reflector.ts'
import { type ApiObject, resourceOf, resources } from '../kubernetes/resource.ts'
import type { ApiServer } from '../world/api-server.ts'
import type { Clock, Random } from '../world/clock.ts'
import { FileError, type Files } from '../world/files.ts'
import { type Acceptance, type Answer, acceptCluster, anchored, newChecker } from './cluster-accept.ts'
import { answerOf } from './cluster-answer.ts'
import { secretsOf } from './cluster-secrets.ts'
import { DurableIndex } from './durable-index.ts'
import type { Index, IndexRecord } from './index.ts'
import { IndexStore } from './index-store.ts'
import { Serial } from './serial.ts'
import type { Accepted, Assigned, Source, SourceProblem, SourceView } from './source.ts'
import { acceptedOf } from './view.ts'

export interface KubernetesOptions {
  readonly api: ApiServer
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly files: Files
  /** `/var/lib/moorage`; must be there. */
  readonly state: string
  /** Name of the MicroVMHost that this host is. */
  readonly nodeName: string
  /** Which boot of this host it is. */
  readonly bootId: string
  /** Look again. */
  readonly wake: () => void
}

/** Kinds of which a host is sent only what is bound to it. */
const bound: ReadonlySet<string> = new Set(['MicroVM', 'MicroVMState', 'MicroVMOperation'])

/** Kinds that hosts write and never follow. */
const written: ReadonlySet<string> = new Set(['MicroVMVolume'])

/** Milliseconds after which the server is asked again about an object that it does not send and that is still ours. */
const askAgain = 60_000

/** Milliseconds after which something is tried again that a disk or a server did not let us do. */
const failurePause = 5_000

/**
 * A cluster: what its manager bound to this host, and what that refers to. What was accepted is kept on the disk, so that an
 * agent that starts while no API server answers goes on with what it knew. Only a host that booted starts no VM before the
 * server says that it is bound here: while it was off, somebody may have fenced it, and the VM runs elsewhere.
 */
export class KubernetesSource implements Source {
  /** Whoever wants something else says so to the cluster. */
  readonly own = null
  readonly #options: KubernetesOptions
  readonly #index: DurableIndex
  readonly #serial = new Serial()
  readonly #check = newChecker()
  readonly #kinds: readonly { readonly kind: Kind; readonly reflector: Reflector }[]
  /** By key of the Secret. */
  readonly #secrets = new Map<string, { readonly reflector: Reflector; readonly stop: AbortController }>()
  readonly #answers = new Map<string, { readonly answer: Answer; readonly at: number }>()
  /** By key. */
  readonly #finished = new Map<string, string>()
  readonly #asking = new Set<string>()
  #signal: AbortSignal | null = null
  #told: readonly Accepted[] = []

  constructor(options: KubernetesOptions) {
    this.#options = options
    const { files, random, state } = options
    this.#index = new DurableIndex(
      new IndexStore(files, random, { directory: `${state}/index`, secrets: `${state}/secrets/accepted` }),
    )
    this.#kinds = ourKinds()
      .filter(({ kind }) => !written.has(kind))
      .map((kind) => ({ kind, reflector: this.#follow(kind) }))
  }

  /** Objects of the server that are for this host, by key; what they say besides their spec is read here. */
  get objects(): ReadonlyMap<string, ApiObject> {
    return new Map(this.#kinds.flatMap(({ reflector }) => [...reflector.objects]))
  }

  /** Uids of which nothing is left here, by key, as long as the server has their objects. */
  get finished(): ReadonlyMap<string, string> {
    return this.#finished
  }

  /** Everything was listed once since this began. */
  get synced(): boolean {
    return this.#kinds.every(({ reflector }) => reflector.synced)
  }

  /** Follows the server until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal
    await Promise.all(this.#kinds.map(({ reflector }) => reflector.run(signal)))
  }

  list(signal: AbortSignal): Promise<SourceView> {
    return this.#serial.run(async () => {
      try {
        const previous = await this.#index.get()
        signal.throwIfAborted()
        return await this.#publish(previous)
      } catch (error) {
        return this.#unreadable(error)
      }
    }, signal)
  }

  finish(key: string, uid: string): Promise<void> {
    return this.#serial.run(async () => {
      const index = await this.#index.get()
      const record = index.records.get(key)
      if (record?.uid !== uid || record.deletion === null) return
      const records = new Map(index.records)
      records.delete(key)
      await this.#index.set({ ...index, records })
      this.#finished.set(key, uid)
    })
  }

  #follow(kind: Kind): Reflector {
    const { api, clock, random, nodeName, wake } = this.#options
    const selected = bound.has(kind.kind) ? { fieldSelector: `status.nodeName=${nodeName}` } : {}
    return newReflector({ api, clock, random, resource: resourceOf(kind), ...selected, onChange: wake })
  }

  async #publish(previous: Index): Promise<SourceView> {
    const waiting = this.#kinds.filter(({ reflector }) => !reflector.synced)
    const problem = this.#kinds.find(({ reflector }) => reflector.problem !== null)?.reflector.problem ?? null
    if (waiting.length > 0) {
      // A part of what is wanted would look as if the rest had been taken away.
      const hold = `the cluster was not read yet: ${problem ?? `waiting for ${this.#options.api.address}`}`
      const problems = problem === null ? [] : [problemOf(hold)]
      return this.#view(previous, emptyAcceptance(previous), problems, hold, null)
    }
    const now = this.#options.clock.now()
    this.#inquire(previous, now)
    const objects = new Map([...this.objects, ...this.#secretObjects(previous)])
    for (const [key, uid] of this.#finished) if (objects.get(key)?.metadata.uid !== uid) this.#finished.delete(key)
    const unread = new Set([...this.#secrets].filter(([, { reflector }]) => !reflector.synced).map(([key]) => key))
    const answers = new Map([...this.#answers].map(([key, { answer }]) => [key, answer]))
    const seen = {
      objects,
      answers,
      unread,
      finished: new Set(this.#finished.values()),
      now,
      bootId: this.#options.bootId,
    }
    const acceptance = acceptCluster(previous, seen, this.#check)
    const problems = problem === null ? [] : [problemOf(problem)]
    let index = previous
    let recheckAt = this.#answers.size > 0 ? now + askAgain : null
    try {
      index = await this.#index.set(acceptance.index)
    } catch (error) {
      problems.push(problemOf(`nothing newer is accepted, since it cannot be written down: ${messageOf(error)}`))
      recheckAt = now + failurePause
    }
    return this.#view(index, acceptance, problems, null, recheckAt)
  }

  #view(
    index: Index,
    { newer, problems, assigned }: Acceptance,
    more: readonly SourceProblem[],
    hold: string | null,
    recheckAt: number | null,
  ): SourceView {
    const origin = { cluster: this.#options.api.address }
    const objects = acceptedOf(index, '', { newer, lines: new Map() }).map((accepted) => {
      if (accepted.ref.kind !== 'MicroVM') return { ...accepted, origin }
      const given = assigned.get(accepted.key) ?? unsaid
      const isConfirmed = index.records.get(accepted.key)?.boot === this.#options.bootId
      const unconfirmed = isConfirmed ? {} : { unconfirmed: true as const }
      return { ...accepted, origin, assigned: given, ...unconfirmed }
    })
    objects.sort((a, b) => (a.key < b.key ? -1 : 1))
    this.#told = objects
    return { objects, problems: [...more, ...this.#index.problems, ...problems], hold, recheckAt }
  }

  /** Follows each Secret that an accepted VM names by its name alone; the others are let go. */
  #secretObjects(index: Index): readonly (readonly [string, ApiObject])[] {
    const { api, clock, random, wake } = this.#options
    const wanted = secretsOf([...index.records.values(), ...this.#fresh()])
    for (const [key, { stop }] of this.#secrets) {
      if (wanted.has(key)) continue
      stop.abort()
      this.#secrets.delete(key)
    }
    for (const [key, { namespace, name }] of wanted) {
      if (this.#secrets.has(key) || this.#signal === null) continue
      const reflector = newReflector({
        api,
        clock,
        random,
        resource: resources.secret,
        namespace,
        name,
        onChange: wake,
      })
      const stop = new AbortController()
      this.#signal.addEventListener('abort', () => stop.abort(), { once: true, signal: stop.signal })
      this.#secrets.set(key, { reflector, stop })
      void reflector.run(stop.signal)
    }
    return [...this.#secrets.values()].flatMap(({ reflector }) => [...reflector.objects])
  }

  /** MicroVMs that were sent and may not be accepted yet. */
  #fresh(): readonly { readonly object: unknown }[] {
    return [...(this.#kindOf('MicroVM')?.reflector.objects.values() ?? [])].map((object) => ({
      object: { ...object, kind: 'MicroVM' },
    }))
  }

  /** Asks the server about each object whose absence alone means nothing; again later, while nothing takes it away. */
  #inquire({ records }: Index, now: number): void {
    for (const key of this.#answers.keys()) {
      const record = records.get(key)
      if (record === undefined || record.deletion !== null || this.#isSent(record)) this.#answers.delete(key)
    }
    for (const record of records.values()) {
      const { key, ref, uid, epoch, deletion } = record
      const last = this.#answers.get(key)
      const isOld = last !== undefined && now - last.at >= askAgain
      if (!anchored.has(ref.kind) || deletion !== null || this.#isSent(record) || (last !== undefined && !isOld))
        continue
      if (this.#asking.has(key) || this.#signal === null) continue
      this.#asking.add(key)
      const { name, namespace } = ref
      const known = { metadata: { name, namespace, uid, resourceVersion: '' }, status: { bindingEpoch: epoch } }
      const gone = this.#kindOf(ref.kind)?.reflector.departed.get(key) ?? { object: known, sent: false }
      void this.#ask(record, gone, this.#signal).finally(() => this.#asking.delete(key))
    }
  }

  #isSent({ key, ref }: IndexRecord): boolean {
    return this.#kindOf(ref.kind)?.reflector.objects.has(key) ?? true
  }

  #kindOf(name: string) {
    return this.#kinds.find(({ kind }) => kind.kind === name)
  }

  async #ask({ key, ref }: IndexRecord, gone: Departed, signal: AbortSignal): Promise<void> {
    const { client, clock, random, nodeName, wake } = this.#options
    const { kind, reflector } = this.#kindOf(ref.kind)!
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        const there = await client.get(resourceOf(kind), { namespace: ref.namespace, name: ref.name }, signal)
        const now = clock.now()
        this.#answers.set(key, { answer: answerOf(gone, there, nodeName, now), at: now })
        reflector.forget(key)
        wake()
        return
      } catch (error) {
        await clock.sleep(pauseAfter(failures, error, random), signal).catch(() => {})
      }
    }
  }

  #unreadable(error: unknown): SourceView {
    const hold = `what was accepted before cannot be read: ${messageOf(error)}`
    const recheckAt = this.#options.clock.now() + failurePause
    return { objects: this.#told, problems: [problemOf(hold)], hold, recheckAt }
  }
}

/** Of a VM of which the server says nothing now: perhaps others of its rollout are away. */
const unsaid: Assigned = { addresses: {}, turn: { rollout: null, granted: null } }

function emptyAcceptance(index: Index): Acceptance {
  return { index, newer: new Map(), problems: [], assigned: new Map() }
}

function problemOf(message: string): SourceProblem {
  return { file: '', line: 0, column: 0, message, key: null }
}

function messageOf(error: unknown): string {
  if (error instanceof FileError) return error.message
  throw error
}
