import { expect, test } from 'vitest'
import type { ApiObject } from '../../src/kubernetes/resource.ts'
import { newPulses } from '../../src/manager/pulse.ts'
import { manualClock } from '../world/manual-clock.ts'

const begin = Date.parse('2026-01-01T00:00:00Z')

/** A Lease of 40 s that was renewed so many seconds after the beginning, by the clock of its host. */
function lease(name: string, seconds: number): ApiObject {
  const spec = { leaseDurationSeconds: 40, renewTime: new Date(begin + seconds * 1000).toISOString() }
  return { metadata: { name, namespace: 'moorage-hosts', uid: name, resourceVersion: String(seconds) }, spec }
}

function stage() {
  const clock = manualClock(begin)
  const pulses = newPulses(clock)
  const say = () => [...pulses.current].map(([name, pulse]) => `${name} ${pulse.is}`).join()
  return { clock, pulses, say }
}

test('a fresh Lease lives at once, and an old one once it is renewed; else each is silent in its time', async () => {
  const { clock, pulses, say } = stage()
  const [old] = [lease('old', -300)]
  expect(pulses.observe([lease('fresh', -30), old])).toBe(true)
  expect(say()).toBe('fresh live,old unheard')
  await clock.advance(10_000)
  expect(say()).toBe('fresh silent,old unheard')
  expect(pulses.observe([lease('fresh', -30), lease('old', -290)])).toBe(true)
  expect(say()).toBe('fresh silent,old live')
  await clock.advance(40_000)
  expect(say()).toBe('fresh silent,old silent')
})

test.each([3600, -3600])('a clock that is %d s off hides nobody, and keeps nobody alive', async (skew) => {
  const { clock, pulses, say } = stage()
  for (let second = 0; second <= 120; second += 10) {
    pulses.observe([lease('host', skew + second)])
    await clock.advance(10_000)
  }
  expect(say()).toBe('host live')
  await clock.advance(35_000)
  expect(say()).toBe('host silent')
})

test('what was asked for counts, and an older word of a watch does not come back', async () => {
  const { clock, pulses, say } = stage()
  const shown = lease('host', 0)
  pulses.observe([shown])
  await clock.advance(41_000)
  expect(say()).toBe('host silent')
  expect(pulses.observeOne(lease('host', 30))).toBe(true)
  expect(say()).toBe('host live')
  await clock.advance(41_000)
  expect(pulses.observeOne(lease('host', 30))).toBe(false)
  pulses.observe([shown])
  expect(say()).toBe('host silent')
})

test('who was cut off blames nobody, and raises no dead', async () => {
  const { clock, pulses, say } = stage()
  pulses.observe([lease('dead', -39), lease('host', 0)])
  await clock.advance(30_000)
  pulses.forgive()
  await clock.advance(30_000)
  expect(say()).toBe('dead silent,host live')
  expect(pulses.observe([])).toBe(true)
  expect(say()).toBe('')
})
