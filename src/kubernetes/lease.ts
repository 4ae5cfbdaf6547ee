import { countIn, memberOf, textIn } from '../api/loose.ts'
import type { Clock, Random } from '../world/clock.ts'
import { withDeadline } from '../world/deadline.ts'
import type { Client } from './client.ts'
import { ApiError } from './error.ts'
import { pauseAfter } from './pause.ts'
import { type ApiObject, resources } from './resource.ts'
import { microTime } from './time.ts'

export interface LeadOptions {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly namespace: string
  readonly name: string
  /** Of this process and no other: two that call themselves the same both lead. */
  readonly identity: string
  /** Milliseconds. */
  readonly times?: LeadTimes
  /** Who leads now, ourselves included; null when nobody is known. For the log. */
  readonly onLeader?: (identity: string | null) => void
}

/** `lease`: how long it lasts unrenewed for others; `renew`: for ourselves, which is less; `retry`: between two tries. */
export interface LeadTimes {
  readonly lease: number
  readonly renew: number
  readonly retry: number
}

/** As client-go's defaults. */
export const leadTimes: LeadTimes = { lease: 15_000, renew: 10_000, retry: 2_000 }

/** That we lead. */
export interface Leadership {
  /** Aborts when we do not lead any more. */
  readonly signal: AbortSignal
  /** Asks the clock too: a process that was stopped for a while learns it here before its timers run. */
  leads(): boolean
}

/**
 * Runs `work` while this process leads, again each time that it does, until the signal aborts; then gives the Lease up.
 * Clocks may differ: what counts is for how long, by our own monotonic clock, the Lease of another did not change. Failures
 * of the server are tried again for ever. `work` ends when its signal aborts; what it throws otherwise ends all of it.
 */
export async function lead(
  options: LeadOptions,
  signal: AbortSignal,
  work: (leadership: Leadership) => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    const began = await acquire(options, signal)
    if (began === null) return
    await hold(options, began, signal, work)
  }
}

/** Waits until the Lease is ours; the moment it is from, by the monotonic clock. null when the signal aborts first. */
async function acquire(options: LeadOptions, signal: AbortSignal): Promise<number | null> {
  const { clock, random, identity, onLeader, times = leadTimes } = options
  const seen: Seen = { mark: '', at: 0 }
  let told: string | null | undefined
  for (let failures = 0; !signal.aborted; ) {
    const at = clock.monotonic()
    let pause: number
    try {
      const holder = await withDeadline(clock, times.renew, signal, (within) => take(options, seen, within))
      failures = 0
      if (holder !== told) onLeader?.(holder)
      told = holder
      if (holder === identity) return at
      pause = pauseAfter(1, null, random) + times.retry / 2
    } catch (error) {
      failures += 1
      pause = Math.max(times.retry, pauseAfter(failures, error, random))
    }
    await clock.sleep(pause, signal).catch(() => {})
  }
  return null
}

interface Seen {
  mark: string
  at: number
}

/** One try; who holds the Lease after it, as far as is known. */
async function take(options: LeadOptions, seen: Seen, signal: AbortSignal): Promise<string | null> {
  const { client, clock, namespace, name, identity, times = leadTimes } = options
  const found = await client.get(resources.lease, { namespace, name }, signal)
  const holder = textIn(found?.spec, 'holderIdentity') ?? null
  if (found !== null && holder !== null && holder !== identity) {
    const mark = `${found.metadata.uid} ${found.metadata.resourceVersion}`
    if (seen.mark !== mark) Object.assign(seen, { mark, at: clock.monotonic() })
    const lasts = (countIn(found.spec, 'leaseDurationSeconds') ?? times.lease / 1000) * 1000
    if (clock.monotonic() < seen.at + lasts) return holder
  }
  try {
    await put(options, found, signal)
    return identity
  } catch (error) {
    // Somebody else was faster.
    if (error instanceof ApiError && error.status === 409) return null
    throw error
  }
}

async function put(options: LeadOptions, found: ApiObject | null, signal: AbortSignal): Promise<ApiObject> {
  const { client, clock, namespace, name, identity, times = leadTimes } = options
  const now = microTime(clock.now())
  const before = found?.spec
  const isOurs = textIn(before, 'holderIdentity') === identity
  const transitions = (countIn(before, 'leaseTransitions') ?? 0) + (found === null || isOurs ? 0 : 1)
  const spec = {
    ...(isOurs ? (before as object) : { acquireTime: now }),
    ...{ holderIdentity: identity, leaseDurationSeconds: Math.ceil(times.lease / 1000), renewTime: now },
    leaseTransitions: transitions,
  }
  const head = { apiVersion: resources.lease.apiVersion, kind: resources.lease.kind }
  if (found === null) {
    const object = { ...head, metadata: { name, namespace }, spec }
    return client.create(resources.lease, { namespace }, object, signal)
  }
  return client.replace(resources.lease, { namespace, name }, { ...found, ...head, spec }, signal)
}

async function hold(
  options: LeadOptions,
  began: number,
  signal: AbortSignal,
  work: (leadership: Leadership) => Promise<void>,
): Promise<void> {
  const { clock, onLeader, times = leadTimes } = options
  const stop = new AbortController()
  const forward = () => stop.abort(signal.reason)
  signal.addEventListener('abort', forward, { once: true })
  let renewedAt = began
  const lose = (why: string) => stop.abort(new Error(`leads no longer: ${why}`))
  const late = 'the Lease could not be renewed in time'
  let timer = clock.after(times.renew - (clock.monotonic() - began), () => lose(late))
  const renewed = (at: number) => {
    renewedAt = at
    timer()
    timer = clock.after(Math.max(times.renew - (clock.monotonic() - at), 0), () => lose(late))
  }
  const renewal = renew(options, stop.signal, renewed, lose)
  const isOurs = () => clock.monotonic() - renewedAt < times.renew
  const leads = () => !stop.signal.aborted && isOurs()
  try {
    await work({ signal: stop.signal, leads })
  } catch (error) {
    if (!stop.signal.aborted) throw error
  } finally {
    timer()
    signal.removeEventListener('abort', forward)
    stop.abort(new Error('the work ended'))
    await renewal
    onLeader?.(null)
    if (isOurs()) await release(options)
  }
}

async function renew(
  options: LeadOptions,
  signal: AbortSignal,
  renewed: (at: number) => void,
  lose: (why: string) => void,
): Promise<void> {
  const { client, clock, namespace, name, identity, times = leadTimes } = options
  /** As we wrote it last: while nobody else writes it, it need not be read. What may have failed is read anew. */
  let held: ApiObject | null = null
  while (!signal.aborted) {
    try {
      await clock.sleep(times.retry, signal)
      const at = clock.monotonic()
      await withDeadline(clock, times.renew / 2, signal, async (within) => {
        const found = held ?? (await client.get(resources.lease, { namespace, name }, within))
        held = null
        const holder = textIn(found?.spec, 'holderIdentity')
        if (found !== null && holder !== undefined && holder !== identity) {
          lose(`${holder} took the Lease`)
          return
        }
        held = await put(options, found, within)
        renewed(at)
      })
    } catch {
      // The timer ends it when this goes on for too long.
    }
  }
}

/** So that the next one need not wait; what fails here costs the next one that wait. */
async function release(options: LeadOptions): Promise<void> {
  const { client, clock, namespace, name, identity, times = leadTimes } = options
  await withDeadline(clock, times.retry, null, async (within) => {
    const found = await client.get(resources.lease, { namespace, name }, within)
    if (found === null || memberOf(found.spec, 'holderIdentity') !== identity) return
    const spec = { ...(found.spec as object), holderIdentity: '', renewTime: microTime(clock.now()) }
    await client.replace(resources.lease, { namespace, name }, { ...found, spec }, within)
  }).catch(() => {})
}
