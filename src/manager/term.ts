import { setMaxListeners } from 'node:events'
import { pauseAfter } from '../kubernetes/pause.ts'
import { newReflector, type Reflector } from '../kubernetes/reflector.ts'
import { resources } from '../kubernetes/resource.ts'
import { newWakeups } from '../world/wakeups.ts'
import { hostsNamespace, madeBy, type Pulse } from './cluster.ts'
import { decide } from './decide.ts'
import type { Decision, Write } from './decision.ts'
import type { Pass, TermOptions } from './manager.ts'
import { newPulses } from './pulse.ts'
import { type ClusterObjects, readCluster } from './read.ts'
import { followed, resourceFor } from './resources.ts'
import { newRetries } from './retry.ts'
import { newView } from './view.ts'
import { carryOut, type Outcome, send } from './write.ts'

/** Milliseconds after which a host that is in doubt is asked about again. */
const doubtLasts = 1_000

/** Milliseconds between two looks at everything at least, and at most. */
const gap = 50
const resync = 30_000

type KindName = keyof ClusterObjects

/** The time for which a manager leads: it follows everything, decides, writes, and looks again. */
export function newTerm(options: TermOptions): { run(): Promise<void> } {
  const { api, clock, random, client, recorder, leadership, log } = options
  const { signal } = leadership
  const wakeups = newWakeups(clock, () => gap)
  const view = newView()
  const retries = newRetries(clock, random)
  const pulses = newPulses(clock)
  /** Hosts that the server itself says are silent. */
  const silent = new Set<string>()
  let told = new Set<string>()

  const kinds = Object.keys(followed) as KindName[]
  const reflectors = new Map(kinds.map((kind) => [kind, follow(kind)]))
  const leases: Reflector = newReflector({
    ...{ api, clock, random, resource: resources.lease, namespace: hostsNamespace },
    onChange: () => {
      if (pulses.observe(leases.objects.values())) wakeups.wake('Lease')
      if (leases.problem !== null) cutOff = true
      else if (cutOff) {
        // Nobody could be heard: that says nothing of anybody.
        cutOff = false
        pulses.forgive()
      }
    },
  })
  let cutOff = false

  function follow(kind: KindName): Reflector {
    const isRole = kind === 'Role' || kind === 'RoleBinding'
    const labelSelector = `${madeBy.key}=${madeBy.value}`
    const resource = followed[kind]
    return newReflector({
      ...{ api, clock, random, resource, onChange: () => wakeups.wake(kind) },
      ...(isRole && { labelSelector }),
    })
  }

  /** A watch that hangs sends no renewals either: a host is silent only once the server says so. */
  async function confirmSilence(): Promise<void> {
    for (const [name, pulse] of pulses.current) {
      if (pulse.is !== 'silent') silent.delete(name)
      else if (!silent.has(name)) {
        try {
          const lease = await client.get(resources.lease, { namespace: hostsNamespace, name }, signal)
          if (lease === null || !pulses.observeOne(lease)) silent.add(name)
        } catch (error) {
          if (signal.aborted) throw error
          log.warn({ host: name, error: (error as Error).message }, 'whether a host is silent cannot be asked')
        }
      }
    }
  }

  /** What is known of hosts; one of which that could not be asked is in doubt, and in doubt nobody is silent. */
  function pulsesNow(): ReadonlyMap<string, Pulse> {
    const doubt: Pulse = { is: 'unheard', left: doubtLasts }
    return new Map(
      [...pulses.current].map(([name, pulse]) => [name, pulse.is === 'silent' && !silent.has(name) ? doubt : pulse]),
    )
  }

  async function look(): Promise<Omit<Pass, 'took' | 'error'>> {
    await confirmSilence()
    const at = clock.monotonic()
    const objects = Object.fromEntries(
      [...reflectors].map(([kind, reflector]) => {
        for (const key of reflector.departed.keys()) reflector.forget(key)
        return [kind, view.objects(kind, reflector.objects, at)]
      }),
    )
    const cluster = readCluster(objects as unknown as ClusterObjects, pulsesNow())
    const decision = decide(cluster, clock.now())
    tell(decision)
    const outcomes = await write(decision.writes)
    return { cluster, decision, outcomes }
  }

  async function write(decided: readonly Write[]): Promise<Pass['outcomes']> {
    const open = view.unknown
    const keys = new Set(open.map(({ ref }) => JSON.stringify(ref)))
    const writes = [...open, ...decided.filter(({ ref }) => !keys.has(JSON.stringify(ref)))]
    retries.keep(writes)
    const tries = writes.filter((each) => retries.mayTry(each))
    const outcomes = await carryOut(tries, async (each) => {
      if (!leadership.leads()) return { is: 'skipped' }
      const outcome = await send(client, each, signal)
      view.enter(each, outcome, clock.monotonic())
      retries.enter(each, outcome)
      report(each, outcome)
      return outcome
    })
    return tries.map((each) => ({ write: each, outcome: outcomes.get(each.id) ?? { is: 'skipped' } }))
  }

  function report({ id, because, event, ref, on }: Write, outcome: Outcome): void {
    if (outcome.is === 'failed' || outcome.is === 'unknown') {
      log.warn({ write: id, error: outcome.error.message }, 'a write failed and is tried again')
    }
    if (outcome.is !== 'done') return
    log.info({ write: id, because }, 'written')
    if (event === null || on === null) return
    const { apiVersion } = resourceFor(ref.kind)
    const regarding = { apiVersion, ...ref, uid: on.uid }
    recorder.record({ regarding, type: event.type, reason: event.reason, action: 'Manage', note: event.note })
  }

  function tell(decision: Decision): void {
    const now = new Map(decision.told.map((each) => [JSON.stringify(each), each]))
    for (const [key, { ref, message }] of now) if (!told.has(key)) log.warn({ ref }, message)
    told = new Set(now.keys())
  }

  async function pass(): Promise<Pass> {
    const began = clock.monotonic()
    try {
      const seen = await look()
      return { ...seen, error: null, took: clock.monotonic() - began }
    } catch (error) {
      const nothing = { cluster: null, decision: null, outcomes: [] }
      return { ...nothing, error: error as Error, took: clock.monotonic() - began }
    }
  }

  /** Milliseconds until it is worth looking again although nothing moves. */
  function rest({ decision, outcomes, error }: Pass, failures: number): number {
    if (error !== null) return pauseAfter(failures, error, random)
    if (outcomes.some(({ outcome }) => outcome.is === 'done')) return 0
    const times = [resync]
    if (decision?.recheckAt != null) times.push(decision.recheckAt - clock.now())
    if (retries.next !== null) times.push(retries.next - clock.monotonic())
    return Math.max(Math.min(...times), 0)
  }

  async function nextLook(milliseconds: number): Promise<void> {
    const until = clock.monotonic() + Math.max(milliseconds, gap)
    await wakeups.next(until, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
  }

  async function loop(): Promise<void> {
    const all = [...reflectors.values(), leases]
    for (let failures = 0; !signal.aborted; ) {
      if (!all.every(({ synced }) => synced)) {
        await nextLook(resync)
        continue
      }
      const done = await pass()
      if (signal.aborted) return
      options.onPass?.(done)
      failures = done.error === null ? 0 : failures + 1
      if (done.error !== null) log.warn({ error: done.error.message }, 'looking failed and is tried again')
      await nextLook(rest(done, failures))
    }
  }

  return {
    async run() {
      // Each reflector and each request listens to it; that many are no leak.
      setMaxListeners(0, signal)
      const follows = [...reflectors.values(), leases].map((each) => each.run(signal))
      await loop()
      await Promise.all(follows)
    },
  }
}
