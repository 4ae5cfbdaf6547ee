import { expect, test } from 'vitest'
import { newClient } from '../../src/kubernetes/client.ts'
import { newRecorder } from '../../src/kubernetes/event.ts'
import { type Leadership, lead } from '../../src/kubernetes/lease.ts'
import { resources } from '../../src/kubernetes/resource.ts'
import type { Clock } from '../../src/world/clock.ts'
import { type Fate, flakyApi } from '../kubernetes/flaky-api.ts'
import { memoryApi } from '../kubernetes/memory-api.ts'
import { Dice } from '../sim/random.ts'
import { type ManualClock, manualClock } from '../world/manual-clock.ts'

const never = new AbortController().signal

/** Who would lead one Lease: each with its own clock on the wall, and its own line to the server. */
function stage() {
  const clock = manualClock(Date.parse('2026-01-01T00:00:00Z'))
  const api = memoryApi(clock, new Dice(1))
  const leaders = new Set<string>()
  const join = (identity: string, { skew = 0, fate = () => 'answered' as Fate } = {}) => {
    const stop = new AbortController()
    const skewed: Clock = { ...clock, now: () => clock.now() + skew }
    const client = newClient(flakyApi(api, fate), skewed)
    const work = async ({ signal }: Leadership) => {
      leaders.add(identity)
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      leaders.delete(identity)
    }
    const options = { client, clock: skewed, random: new Dice(identity), namespace: 'n', name: 'l', identity }
    const running = lead(options, stop.signal, work)
    return { stop: () => stop.abort(new Error('enough')), running }
  }
  const lease = async () => {
    const found = await newClient(api, clock).get(resources.lease, { namespace: 'n', name: 'l' }, never)
    return found?.spec as { holderIdentity: string; leaseTransitions: number }
  }
  return { clock, api, leaders, join, lease }
}

/** Moves time on, and sees at every moment that nobody leads beside another. */
async function pass(clock: ManualClock, leaders: ReadonlySet<string>, seconds: number): Promise<void> {
  for (let moment = 0; moment < seconds * 10; moment++) {
    await clock.advance(100)
    expect(leaders.size).toBeLessThanOrEqual(1)
  }
}

test.each([0, 3_600_000, -3_600_000])(
  'one leads at a time, whose clock is %d ms off; the next comes when it is cut off',
  async (skew) => {
    const { clock, leaders, join, lease } = stage()
    let cut = false
    const first = join('first', { fate: () => (cut ? 'lost before' : 'answered') })
    await pass(clock, leaders, 5)
    const second = join('second', { skew })
    await pass(clock, leaders, 60)
    expect([...leaders]).toEqual(['first'])
    cut = true
    await pass(clock, leaders, 40)
    expect([...leaders]).toEqual(['second'])
    expect((await lease()).leaseTransitions).toBe(1)
    cut = false
    await pass(clock, leaders, 60)
    expect([...leaders]).toEqual(['second'])
    first.stop()
    second.stop()
    await clock.advance(5000)
    await Promise.all([first.running, second.running])
    expect((await lease()).holderIdentity).toBe('')
  },
)

test('who ends gives the Lease up, and the next need not wait for it to lapse', async () => {
  const { clock, leaders, join } = stage()
  const first = join('first')
  await pass(clock, leaders, 5)
  const second = join('second')
  await pass(clock, leaders, 5)
  first.stop()
  await pass(clock, leaders, 4)
  expect([...leaders]).toEqual(['second'])
  second.stop()
  await clock.advance(5000)
  await Promise.all([first.running, second.running])
})

test('a renewal whose answer is lost is one, and one that conflicts is tried again', async () => {
  const { clock, leaders, join } = stage()
  const fates: Fate[] = ['answered', 'lost after', 'conflict', 'broken', 'answered', 'overloaded', 'lost before']
  let count = 0
  const first = join('first', { fate: () => fates[count++ % fates.length]! })
  await pass(clock, leaders, 5)
  for (let moment = 0; moment < 600; moment++) {
    await clock.advance(100)
    expect([...leaders]).toEqual(['first'])
  }
  first.stop()
  await clock.advance(5000)
  await first.running
})

test('who leads renews every two seconds, by one request each time', async () => {
  const { clock, api } = stage()
  const asked: string[] = []
  const counted = {
    ...api,
    send(...args: Parameters<typeof api.send>) {
      asked.push(args[0].method)
      return api.send(...args)
    },
  }
  const stop = new AbortController()
  const options = { client: newClient(counted, clock), clock, random: new Dice(1), namespace: 'n', name: 'l' }
  const running = lead({ ...options, identity: 'one' }, stop.signal, async ({ signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  })
  await clock.advance(5000)
  asked.length = 0
  for (let moment = 0; moment < 100; moment++) await clock.advance(100)
  expect(asked).toEqual(['PUT', 'PUT', 'PUT', 'PUT', 'PUT'])
  stop.abort(new Error('enough'))
  await clock.advance(5000)
  await running
})

test('a leader whose Lease somebody else wrote reads it, and goes when it is not his', async () => {
  const { clock, api, leaders, join, lease } = stage()
  const first = join('first')
  await pass(clock, leaders, 5)
  const client = newClient(api, clock)
  const write = async (spec: object) => {
    const found = (await client.get(resources.lease, { namespace: 'n', name: 'l' }, never))!
    await client.replace(
      resources.lease,
      { namespace: 'n', name: 'l' },
      { ...found, spec: { ...(found.spec as object), ...spec } },
      never,
    )
  }
  await write({ leaseTransitions: 7 })
  await pass(clock, leaders, 20)
  expect([...leaders]).toEqual(['first'])
  expect((await lease()).leaseTransitions).toBe(7)
  await write({ holderIdentity: 'other' })
  await pass(clock, leaders, 6)
  expect([...leaders]).toEqual([])
  first.stop()
  await clock.advance(5000)
  await first.running
})

test('Events never hold anybody up: what is not taken is dropped, and counted', async () => {
  const clock = manualClock()
  const api = memoryApi(clock, new Dice(1))
  let fate: Fate = 'lost before'
  const client = newClient(
    flakyApi(api, () => fate),
    clock,
  )
  const stop = new AbortController()
  const recorder = newRecorder({ client, clock, random: new Dice(2), controller: 'moorage.dev/test', instance: 'one' })
  const regarding = { apiVersion: 'v1', kind: 'MicroVM', namespace: 'n', name: 'a', uid: 'u' }
  const news = { regarding, type: 'Normal', reason: 'Bound', action: 'Bind', note: 'x'.repeat(2000) } as const
  for (let event = 0; event < 300; event++) recorder.record(news)
  expect(recorder.dropped).toBe(44)
  const running = recorder.run(stop.signal)
  await clock.advance(1000)
  expect(recorder.dropped).toBeGreaterThan(44)
  fate = 'answered'
  for (let moment = 0; moment < 400; moment++) await clock.advance(100)
  const reply = await api.send({ method: 'GET', path: '/apis/events.k8s.io/v1/events' }, never)
  const { items } = reply.body as { items: { note: string; reason: string }[] }
  expect(items.length).toBe(300 - recorder.dropped)
  expect(items[0]).toMatchObject({ reason: 'Bound', note: 'x'.repeat(1024) })
  stop.abort(new Error('enough'))
  await running
})

test('who was stopped for a while leads no longer, before any timer has told him', async () => {
  const { clock, api } = stage()
  let jump = 0
  const late: Clock = { ...clock, monotonic: () => clock.monotonic() + jump }
  const stop = new AbortController()
  const told: boolean[] = []
  const options = { client: newClient(api, late), clock: late, random: new Dice(3), namespace: 'n', name: 'l' }
  const running = lead({ ...options, identity: 'one' }, stop.signal, async ({ leads }) => {
    told.push(leads())
    jump = 11_000
    told.push(leads())
    stop.abort(new Error('enough'))
  })
  await clock.advance(5000)
  await running
  expect(told).toEqual([true, false])
})

test('who cannot renew even once leads no longer than the Lease is his', async () => {
  const { clock, leaders, join } = stage()
  let count = 0
  const first = join('first', { fate: () => (count++ === 0 ? 'answered' : 'lost before') })
  await pass(clock, leaders, 9)
  expect([...leaders]).toEqual(['first'])
  await pass(clock, leaders, 2)
  expect([...leaders]).toEqual([])
  first.stop()
  await clock.advance(5000)
  await first.running
})
