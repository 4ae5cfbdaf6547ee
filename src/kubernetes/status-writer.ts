import type { Clock, Random } from '../world/clock.ts'
import type { Client } from './client.ts'
import { ApiError, isTransient } from './error.ts'
import { pauseAfter } from './pause.ts'
import { type ApiObject, isOlder, type Resource } from './resource.ts'
import { ownPart } from './status-part.ts'

/** What the status of an object should say, as far as we say it. */
export interface WantedStatus {
  readonly resource: Resource
  readonly name: string
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string
  readonly uid: string
  readonly status: Readonly<Record<string, unknown>>
}

/** Which parts of a status are ours: members of it, and types of conditions. What is ours and not said goes. */
export interface OwnParts {
  readonly members: readonly string[]
  readonly conditions: readonly string[]
}

export interface StatusWriterOptions {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  /** Field manager. */
  readonly manager: string
  readonly own: OwnParts
  /** The newest that is known of an object, to write only what differs. */
  readonly known: (key: string) => ApiObject | undefined
  /** A write that failed, each time. */
  readonly onFailure: (key: string, error: Error) => void
}

/** Keeps the statuses of objects in a cluster as they should be, for ever: what fails is tried again. */
export interface StatusWriter {
  /** What every status should say from now on, by key; replaces all that was said before. Returns at once. */
  want(statuses: ReadonlyMap<string, WantedStatus>): void
  /** Writes until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>
  /** Writes that a server took, since this began. */
  readonly written: number
}

/** Milliseconds until the watch has told what stood in the way, at first; they double while it has not, up to `most`. */
const conflictPause = { first: 200, most: 30_000 }

/** Writes at a time. */
const lanes = 4

interface Written {
  /** What was sent, as text. */
  readonly sent: string
  /** How the server then showed our part of it, as text: it may have put some of it in another way. */
  readonly shown: string
  /** The version that it became: what is older does not show it yet. */
  readonly version: string
}

interface Failed {
  /** Tries in a row. */
  readonly count: number
  /** When the next one is due, by the monotonic clock. */
  readonly retryAt: number
  /** The version that the server has not any more: a newer one is worth a try at once. null: it failed otherwise. */
  readonly outdated: string | null
}

export function newStatusWriter(options: StatusWriterOptions): StatusWriter {
  const { client, clock, random, manager, own, known } = options
  let wanted: ReadonlyMap<string, WantedStatus> = new Map()
  /** By uid. */
  const last = new Map<string, Written>()
  /** By key. */
  const failures = new Map<string, Failed>()
  const busy = new Set<string>()
  let wake: () => void = () => {}
  let written = 0

  function isDue(key: string, { uid, status }: WantedStatus): boolean {
    if (busy.has(key)) return false
    const object = known(key)
    const failed = failures.get(key)
    const isNews = failed?.outdated != null && failed.outdated !== object?.metadata.resourceVersion
    if (failed && !isNews && failed.retryAt > clock.monotonic()) return false
    // Another incarnation has the name now: what is said is of the one before.
    if (object === undefined || object.metadata.uid !== uid) return false
    const shown = JSON.stringify(ownPart(object.status, own))
    const before = last.get(uid)
    const sent = JSON.stringify(ownPart(status, own))
    if (before?.sent !== sent) return before !== undefined || shown !== sent
    return before.shown !== shown && !isOlder(object.metadata.resourceVersion, before.version)
  }

  async function write(key: string, { resource, name, namespace, uid, status }: WantedStatus, signal: AbortSignal) {
    busy.add(key)
    // Of a status, a server compares versions alone: this one is of the incarnation that is meant.
    const resourceVersion = known(key)?.metadata.resourceVersion
    try {
      const metadata = { name, ...(namespace && { namespace }), uid, resourceVersion }
      const object = { apiVersion: resource.apiVersion, kind: resource.kind, metadata, status }
      const answer = await client.apply(resource, object, { manager, force: true, subresource: 'status' }, signal)
      const [sent, shown] = [status, answer.status].map((each) => JSON.stringify(ownPart(each, own)))
      last.set(uid, { sent: sent!, shown: shown!, version: answer.metadata.resourceVersion })
      failures.delete(key)
      written += 1
    } catch (error) {
      if (signal.aborted) return
      const count = (failures.get(key)?.count ?? 0) + 1
      // One that is gone (404) or newer than we know (409) is told by its watch; others are wrong until somebody acts.
      const pause = isElsewhere(error)
        ? Math.min(conflictPause.first * 2 ** (count - 1), conflictPause.most)
        : pauseAfter(isTransient(error) ? count : 10, error, random)
      const outdated = isElsewhere(error) ? (resourceVersion ?? null) : null
      failures.set(key, { count, retryAt: clock.monotonic() + pause, outdated })
      if (!isElsewhere(error)) options.onFailure(key, error as Error)
    } finally {
      busy.delete(key)
      wake()
    }
  }

  return {
    want(statuses) {
      wanted = statuses
      const uids = new Set([...statuses.values()].map(({ uid }) => uid))
      for (const uid of last.keys()) if (!uids.has(uid)) last.delete(uid)
      for (const key of failures.keys()) if (!statuses.has(key)) failures.delete(key)
      wake()
    },
    async run(signal) {
      while (!signal.aborted) {
        const woken = new Promise<void>((resolve) => {
          wake = resolve
        })
        for (const [key, one] of wanted) {
          if (busy.size >= lanes) break
          if (isDue(key, one)) void write(key, one, signal)
        }
        const next = Math.min(
          ...[...failures.values()].map(({ retryAt }) => retryAt - clock.monotonic()).filter((ms) => ms > 0),
        )
        const stop = Number.isFinite(next) ? clock.after(next + 1, () => wake()) : () => {}
        signal.addEventListener('abort', wake, { once: true })
        await woken
        signal.removeEventListener('abort', wake)
        stop()
      }
    },
    get written() {
      return written
    },
  }
}

function isElsewhere(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 404 || error.status === 409)
}
