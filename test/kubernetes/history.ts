import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../host/stage-until.ts'

/**
 * Every version of every MicroVM that etcd stored since it was opened, in order, whatever became of the servers in front of
 * it: so that what was wrong for a moment only is seen, too.
 */
export interface History {
  /** What was wrong at some time, a sentence each: bound anew, or an address that two have. */
  readonly wrong: readonly string[]
  /** How often each was written so far, by `NAMESPACE/NAME`; also those that are gone. */
  readonly writes: ReadonlyMap<string, number>
  /** Hears every version from now on, until what it answers is called. */
  onVersion(listener: (object: Stored) => void): () => void
  /** Waits until all that etcd has now was read. */
  caughtUp(): Promise<void>
  close(): void
}

/** As much of a stored MicroVM as is looked at. */
export interface Stored {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly uid: string }
  readonly status?: {
    readonly nodeName?: string
    readonly bindingEpoch?: number
    readonly conditions?: readonly { readonly type: string; readonly status: string }[]
    readonly interfaces?: readonly { readonly addresses?: readonly { readonly address: string }[] }[]
  }
}

const prefix = '/registry/moorage.dev/microvms/'

/** Milliseconds before etcd is asked again after it went away. */
const pause = 100

/** `etcd`: `http://address:port`. Each VM that is there already counts as written once. */
export function openHistory(etcd: string): History {
  const judge = newJudge()
  /** The version of each that was read last, as etcd counts them from its creation. */
  const versions = new Map<string, number>()
  const writes = new Map<string, number>()
  const wrong: string[] = []
  const listeners = new Set<(object: Stored) => void>()
  const end = new AbortController()
  let next = 0

  function enter({ type, kv }: Change): void {
    const name = text(kv.key).slice(prefix.length)
    next = Number(kv.mod_revision) + 1
    if (type === 'DELETE') {
      judge.forget(name)
      versions.delete(name)
    } else {
      versions.set(name, Number(kv.version))
      writes.set(name, (writes.get(name) ?? 0) + 1)
      const object = JSON.parse(text(kv.value ?? '')) as Stored
      wrong.push(...judge.see(name, object))
      for (const listener of listeners) listener(object)
    }
  }

  /** Reads what is there, after etcd forgot what may have been before; a version that nobody read is told. */
  async function resync(): Promise<void> {
    const { header, kvs = [] } = await ask(etcd, 'kv/range', range, end.signal)
    const from = next
    const names = new Set(kvs.map(({ key }) => text(key).slice(prefix.length)))
    for (const name of [...versions.keys()].filter((one) => !names.has(one))) {
      judge.forget(name)
      versions.delete(name)
    }
    for (const kv of kvs) {
      const name = text(kv.key).slice(prefix.length)
      const missed = Number(kv.version) - (versions.get(name) ?? 0)
      if (missed > 1 && from > 0)
        wrong.push(`${missed - 1} versions of ${name} were compacted before anybody read them`)
      if (Number(kv.mod_revision) >= from) enter({ kv })
    }
    next = Number(header.revision) + 1
  }

  async function follow(): Promise<void> {
    for (; !end.signal.aborted; await sleep(pause, undefined, { signal: end.signal }).catch(() => {})) {
      try {
        if (next === 0) await resync()
        for await (const { events = [], compact_revision } of watch(etcd, next, end.signal)) {
          // Of other things, perhaps, that are in etcd, too.
          if (compact_revision !== undefined) await resync()
          for (const event of events) enter(event)
        }
      } catch {
        // etcd is away; what it stores meanwhile is nothing, and the rest is read when it is back.
      }
    }
  }

  const following = follow()
  return {
    wrong,
    writes,
    onVersion(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async caughtUp() {
      const { kvs = [] } = await ask(etcd, 'kv/range', newest, end.signal)
      const last = Number(kvs[0]?.mod_revision ?? 0)
      await until('the history is read', 30, () => next > last)
    },
    close() {
      end.abort()
      void following
    },
  }
}

/** Judges one version after the other. */
export function newJudge(): {
  /** What is wrong with this version of a VM beside all that is there. */
  see(name: string, object: Stored): readonly string[]
  forget(name: string): void
} {
  const last = new Map<string, Stored>()
  const owners = new Map<string, string>()
  const addressesOf = ({ status }: Stored) =>
    (status?.interfaces ?? []).flatMap(({ addresses = [] }) => addresses.map(({ address }) => address))
  const forget = (name: string) => {
    const before = last.get(name)
    for (const address of before ? addressesOf(before) : []) if (owners.get(address) === name) owners.delete(address)
    last.delete(name)
  }
  return {
    forget,
    see(name, object) {
      const before = last.get(name)
      forget(name)
      last.set(name, object)
      const wrong: string[] = []
      for (const address of addressesOf(object)) {
        const other = owners.get(address)
        if (other !== undefined) wrong.push(`I4: ${address} is given to ${name} while ${other} has it`)
        owners.set(address, name)
      }
      const [was, is] = [before?.status?.nodeName, object.status?.nodeName]
      const isSame = before?.metadata.uid === object.metadata.uid
      // No host of these clusters is ever fenced, and only from a fenced host is a VM bound anew.
      if (isSame && was !== undefined && is !== was) wrong.push(`I1: ${name} was bound to ${was} and is bound to ${is}`)
      const epoch = object.status?.bindingEpoch ?? 1
      if (epoch !== 1) wrong.push(`I1: ${name} was bound ${epoch} times`)
      return wrong
    },
  }
}

interface Pair {
  readonly key: string
  readonly value?: string
  readonly mod_revision: string
  /** Of this key since it was created, from 1. */
  readonly version: string
}

interface Change {
  /** Absent for a put. */
  readonly type?: 'DELETE'
  readonly kv: Pair
}

interface Answer {
  readonly header: { readonly revision: string }
  readonly kvs?: readonly Pair[]
  readonly events?: readonly Change[]
  readonly compact_revision?: string
}

const base64 = (value: string) => Buffer.from(value).toString('base64')
const text = (value: string) => Buffer.from(value, 'base64').toString('utf8')

/** Everything below the prefix: until the same with its last character one higher. */
const range = { key: base64(prefix), range_end: base64(`${prefix.slice(0, -1)}0`) }
const newest = { ...range, sort_order: 'DESCEND', sort_target: 'MOD', limit: 1 }

/** A request to etcd's gRPC gateway; int64 travel as strings there. */
async function ask(etcd: string, what: string, body: object, signal: AbortSignal): Promise<Answer> {
  const reply = await fetch(`${etcd}/v3/${what}`, { method: 'POST', body: JSON.stringify(body), signal })
  if (!reply.ok) throw new Error(`etcd ${what}: ${reply.status} ${await reply.text()}`)
  return (await reply.json()) as Answer
}

async function* watch(etcd: string, revision: number, signal: AbortSignal): AsyncIterable<Partial<Answer>> {
  const body = JSON.stringify({ create_request: { ...range, start_revision: String(revision) } })
  const reply = await fetch(`${etcd}/v3/watch`, { method: 'POST', body, signal })
  if (!reply.ok || reply.body === null) throw new Error(`etcd watch: ${reply.status}`)
  const decoder = new TextDecoder()
  let rest = ''
  for await (const bytes of reply.body) {
    const lines = (rest + decoder.decode(bytes as Uint8Array, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield (JSON.parse(line) as { result?: Answer }).result ?? {}
  }
}
