import type { ApiServer } from '../world/api-server.ts'
import type { Clock, Random } from '../world/clock.ts'
import { withDeadline } from '../world/deadline.ts'
import { ApiError, isExpired } from './error.ts'
import { fraction, pauseAfter } from './pause.ts'
import { type ApiObject, keyOfObject, pathOf, type Resource } from './resource.ts'

export interface ReflectorOptions {
  readonly api: ApiServer
  readonly clock: Clock
  readonly random: Random
  readonly resource: Resource
  /** All namespaces when absent. */
  readonly namespace?: string
  /** Which objects, by fields that the resource can be selected by: `status.nodeName=host-a`. */
  readonly fieldSelector?: string
  /** Which objects, by labels: `app.kubernetes.io/managed-by=moorage`. */
  readonly labelSelector?: string
  /** One object alone, which takes the verbs get and watch, and not list. Not together with `fieldSelector`. */
  readonly name?: string
  /** Something changed; carries no facts. Called also when the server can no longer be reached, or can again. */
  readonly onChange: () => void
}

/**
 * What an API server has of one kind, kept up by list and watch. It ends only with its signal: whatever fails is tried
 * again, and what was known stays known meanwhile. Objects are never changed in place.
 */
export interface Reflector {
  readonly objects: ReadonlyMap<string, ApiObject>
  /** Everything was listed once; from then on `objects` is what was true a moment ago. */
  readonly synced: boolean
  /** Why it does not follow the server now; null while it does. */
  readonly problem: string | null
  /**
   * Objects that left: deleted, or no longer selected. The last of each that was sent, by key; `sent` tells an object
   * that a watch sent as it went from one that was only missing in a list. It stays until `forget`.
   */
  readonly departed: ReadonlyMap<string, Departed>
  forget(key: string): void
  /** Follows the server until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>
}

export interface Departed {
  readonly object: ApiObject
  readonly sent: boolean
}

const pageSize = '500'

/** Milliseconds that a page of a list may take to arrive. */
const patience = 60_000

/**
 * Seconds that a watch is asked to last, at least, and milliseconds without any line after which it counts as dead: servers
 * send a bookmark each minute.
 */
const lasting = { seconds: 240, idle: 150_000 }

export function newReflector(options: ReflectorOptions): Reflector {
  const { api, clock, random, resource, name, onChange } = options
  const path = pathOf(resource, options.namespace === undefined ? {} : { namespace: options.namespace })
  const fieldSelector = name === undefined ? options.fieldSelector : `metadata.name=${name}`
  const { labelSelector } = options
  const selected = { ...(fieldSelector !== undefined && { fieldSelector }), ...(labelSelector && { labelSelector }) }
  const objects = new Map<string, ApiObject>()
  const departed = new Map<string, Departed>()
  let synced = false
  let problem: string | null = null
  /** What `objects` is of, to watch from; null: everything is to be read anew. Empty: from whatever there is. */
  let version: string | null = null
  /** Events of all watches so far. */
  let heard = 0

  function tell(next: string | null): void {
    if (problem === next) return
    problem = next
    onChange()
  }

  /** As `list`, for one object by its name. */
  async function get(one: string, signal: AbortSignal): Promise<string> {
    const at = `${path}/${encodeURIComponent(one)}`
    const reply = await withDeadline(clock, patience, signal, (within) => api.send({ method: 'GET', path: at }, within))
    if (reply.status !== 200 && reply.status !== 404) throw new ApiError(`GET ${at}`, reply)
    const object = reply.status === 200 ? (reply.body as ApiObject) : null
    take(new Map(object === null ? [] : [[keyOfObject(resource, object.metadata), object]]))
    return object?.metadata.resourceVersion ?? ''
  }

  /**
   * Looks for one object after a watch from whatever there is was opened: what went between the last look and the watch is told
   * by no event.
   */
  async function confirm(one: string, signal: AbortSignal): Promise<void> {
    const before = heard
    const at = `${path}/${encodeURIComponent(one)}`
    const reply = await withDeadline(clock, patience, signal, (within) => api.send({ method: 'GET', path: at }, within))
    if (reply.status !== 200 && reply.status !== 404) throw new ApiError(`GET ${at}`, reply)
    if (reply.status === 404 && heard === before) take(new Map())
  }

  /** Everything, and the version it is of. A list whose pages expire on the way is begun again, in one page. */
  async function list(signal: AbortSignal): Promise<string> {
    let next: string | null = null
    let paged = true
    const found = new Map<string, ApiObject>()
    for (;;) {
      const query = { ...selected, ...(paged && { limit: pageSize }), ...(next && { continue: next }) }
      const reply = await withDeadline(clock, patience, signal, (within) =>
        api.send({ method: 'GET', path, query }, within),
      )
      if (reply.status !== 200) {
        const error = new ApiError(`GET ${path}`, reply)
        if (!(next !== null && isExpired(error))) throw error
        next = null
        paged = false
        found.clear()
        continue
      }
      const page = reply.body as {
        items?: readonly ApiObject[]
        metadata: { resourceVersion: string; continue?: string }
      }
      for (const object of page.items ?? []) found.set(keyOfObject(resource, object.metadata), object)
      next = page.metadata.continue || null
      if (next === null) {
        take(found)
        return page.metadata.resourceVersion
      }
    }
  }

  function take(found: ReadonlyMap<string, ApiObject>): void {
    let changed = !synced
    for (const [key, object] of objects) {
      if (found.has(key)) continue
      objects.delete(key)
      departed.set(key, { object, sent: false })
      changed = true
    }
    for (const object of found.values()) changed = store(object) || changed
    synced = true
    if (changed) onChange()
  }

  /** False when it is the very version that is there: then that value stays, and whoever compares need not look inside. */
  function store(object: ApiObject): boolean {
    const key = keyOfObject(resource, object.metadata)
    departed.delete(key)
    const before = objects.get(key)
    if (before && sameVersion(before, object)) return false
    objects.set(key, object)
    return true
  }

  function drop(object: ApiObject): void {
    const key = keyOfObject(resource, object.metadata)
    objects.delete(key)
    departed.set(key, { object, sent: true })
    onChange()
  }

  /** Follows from a version until the watch ends. */
  async function watch(from: string, signal: AbortSignal): Promise<void> {
    const seconds = lasting.seconds + Math.round(fraction(random) * lasting.seconds)
    const start = from === '' ? {} : { resourceVersion: from }
    const query = { ...selected, ...start, watch: 'true', allowWatchBookmarks: 'true' }
    const stop = new AbortController()
    const forward = () => stop.abort(signal.reason)
    signal.addEventListener('abort', forward, { once: true })
    const expire = () => stop.abort(new Error(`nothing came for ${lasting.idle / 1000} s`))
    let timer = clock.after(lasting.idle, expire)
    try {
      const opened = await api.watch(
        { method: 'GET', path, query: { ...query, timeoutSeconds: String(seconds) } },
        stop.signal,
      )
      if (opened.events === null) throw new ApiError(`watch ${path}`, opened.reply)
      tell(null)
      if (from === '' && name !== undefined && objects.size > 0) {
        confirm(name, stop.signal).catch((error) => stop.abort(error))
      }
      for await (const event of opened.events) {
        heard += 1
        timer()
        timer = clock.after(lasting.idle, expire)
        version = follow(event as WatchEvent) ?? version
      }
    } finally {
      timer()
      signal.removeEventListener('abort', forward)
    }
  }

  function follow({ type, object }: WatchEvent): string | null {
    switch (type) {
      case 'ADDED':
      case 'MODIFIED':
        if (store(object)) onChange()
        break
      case 'DELETED':
        drop(object)
        break
      case 'BOOKMARK':
        break
      case 'ERROR':
        throw new ApiError(`watch ${path}`, {
          status: Number((object as { code?: unknown }).code ?? 500),
          body: object,
          retryAfter: null,
        })
      default:
        // A type of a newer server: nothing can be concluded from it but that something happened.
        return null
    }
    return object.metadata.resourceVersion
  }

  return {
    get objects() {
      return objects
    },
    get synced() {
      return synced
    },
    get problem() {
      return problem
    },
    departed,
    forget: (key) => void departed.delete(key),
    async run(signal) {
      let failures = 0
      /** In a row, what it had was too old. That says nothing of the server but that it answers. */
      let expiries = 0
      while (!signal.aborted) {
        const began = clock.monotonic()
        try {
          if (version === null) {
            const found = await (name === undefined ? list(signal) : get(name, signal))
            // One object's own version may be older than all that the server remembers, however new it was read.
            version = name !== undefined && expiries > 0 ? '' : found
          }
          await watch(version, signal)
          failures = 0
          expiries = 0
          // A server that ends each watch at once is not to be asked without a pause.
          if (clock.monotonic() - began < 1000) await clock.sleep(pauseAfter(1, null, random), signal)
        } catch (error) {
          if (signal.aborted) return
          if (clock.monotonic() - began > lasting.idle) failures = 0
          if (isExpired(error)) {
            version = null
            expiries += 1
          } else {
            tell((error as Error).message)
            failures += 1
            expiries = 0
          }
          const pause = expiries === 1 ? 0 : pauseAfter(Math.max(failures, expiries), error, random)
          await clock.sleep(pause, signal).catch(() => {})
        }
      }
    },
  }
}

interface WatchEvent {
  readonly type: string
  readonly object: ApiObject
}

function sameVersion(a: ApiObject, b: ApiObject): boolean {
  return a.metadata.uid === b.metadata.uid && a.metadata.resourceVersion === b.metadata.resourceVersion
}
