import { expect, test } from 'vitest'
import type { Write } from '../../src/manager/decision.ts'
import { newRetries } from '../../src/manager/retry.ts'
import { Dice } from '../sim/random.ts'
import { manualClock } from '../world/manual-clock.ts'

const write = (resourceVersion: string): Write => ({
  ...{ id: 'status MicroVM/n/a', ref: { kind: 'MicroVM', namespace: 'n', name: 'a' }, after: [], because: '' },
  ...{ event: null, do: 'status', status: {}, on: { uid: 'u', resourceVersion } },
})

/** Milliseconds until the next try after each of so many. */
async function pauses(times: number, versionOf: (at: number) => string): Promise<readonly number[]> {
  const clock = manualClock(0)
  const retries = newRetries(clock, new Dice(1))
  const found: number[] = []
  for (let at = 0; at < times; at++) {
    retries.enter(write(versionOf(at)), { is: 'stale' })
    const pause = retries.next! - clock.monotonic()
    found.push(pause)
    await clock.advance(Math.ceil(pause))
  }
  return found
}

test('what is stale again on the version that was stale before waits longer each time: its watch tells nothing', async () => {
  const found = await pauses(9, () => '1')
  expect(Math.max(...found.slice(0, 2))).toBeLessThanOrEqual(1000)
  expect(found.at(-1)).toBeGreaterThanOrEqual(15_000)
})

test('an object that somebody writes again and again is no reason to be slow', async () => {
  const found = await pauses(9, String)
  expect(Math.max(...found)).toBeLessThanOrEqual(500)
})

test('a newer version is tried at once', async () => {
  const retries = newRetries(manualClock(0), new Dice(1))
  retries.enter(write('1'), { is: 'stale' })
  expect(retries.mayTry(write('1'))).toBe(false)
  expect(retries.mayTry(write('2'))).toBe(true)
})
