import { countIn, memberOf, textIn } from '../api/loose.ts'
import type { ApiObject } from '../kubernetes/resource.ts'
import type { Clock } from '../world/clock.ts'
import type { Pulse } from './cluster.ts'

/** Milliseconds for which a Lease that does not say it lasts. */
const usual = 40_000

interface Beat {
  /** What the Lease said. */
  readonly mark: string
  /** When that was seen first, by our monotonic clock: those of hosts may go as they like. */
  readonly at: number
  readonly lasts: number
  /** It was seen to change, or was fresh by the clock on the wall. */
  readonly heard: boolean
}

/** Which agents live, as far as their Leases tell. */
export interface Pulses {
  /** The Leases there are now. True when a host became live or left by it. */
  observe(leases: Iterable<ApiObject>): boolean
  /** One Lease as it was asked for. True when it changed. */
  observeOne(lease: ApiObject): boolean
  /** Nobody could be heard until now: those that were live have as long again to be heard. */
  forgive(): void
  readonly current: ReadonlyMap<string, Pulse>
}

export function newPulses(clock: Clock): Pulses {
  let beats = new Map<string, Beat>()
  /** What the last `observe` saw: of a watch that hangs, it may be older than what was asked for. */
  let shown = new Map<string, ApiObject>()

  const pulse = ({ at, lasts, heard }: Beat): Pulse => {
    const left = at + lasts - clock.monotonic()
    if (left <= 0) return { is: 'silent' }
    return { is: heard ? 'live' : 'unheard', left }
  }

  /** The very same when the Lease says what it said. */
  const beatOf = ({ metadata, spec }: ApiObject, before: Beat | undefined): Beat => {
    const mark = JSON.stringify([metadata.uid, textIn(spec, 'holderIdentity'), memberOf(spec, 'renewTime')])
    if (before === undefined) return firstBeat(mark, spec, clock)
    return before.mark === mark ? before : { mark, lasts: durationOf(spec), heard: true, at: clock.monotonic() }
  }

  return {
    observe(leases) {
      const next = new Map<string, Beat>()
      const objects = new Map([...leases].map((lease) => [lease.metadata.name, lease]))
      let moved = false
      for (const [name, lease] of objects) {
        const before = beats.get(name)
        const beat = before !== undefined && shown.get(name) === lease ? before : beatOf(lease, before)
        next.set(name, beat)
        if (beat !== before && (before === undefined || pulse(before).is !== 'live')) moved = true
      }
      shown = objects
      for (const name of beats.keys()) if (!next.has(name)) moved = true
      beats = next
      return moved
    },
    observeOne(lease) {
      const before = beats.get(lease.metadata.name)
      const beat = beatOf(lease, before)
      beats.set(lease.metadata.name, beat)
      return beat !== before
    },
    forgive() {
      const at = clock.monotonic()
      beats = new Map([...beats].map(([name, beat]) => [name, pulse(beat).is === 'silent' ? beat : { ...beat, at }]))
    },
    get current() {
      return new Map([...beats].map(([name, beat]) => [name, pulse(beat)]))
    },
  }
}

/** Its age is known only by the clock of another: one that looks fresh is, one that does not has its time to be renewed. */
function firstBeat(mark: string, spec: unknown, clock: Clock): Beat {
  const lasts = durationOf(spec)
  const age = clock.now() - Date.parse(textIn(spec, 'renewTime') ?? '')
  const heard = age >= -lasts && age < lasts
  return { mark, lasts, heard, at: clock.monotonic() - (heard ? Math.max(age, 0) : 0) }
}

function durationOf(spec: unknown): number {
  const seconds = countIn(spec, 'leaseDurationSeconds') ?? 0
  return seconds > 0 ? seconds * 1000 : usual
}
