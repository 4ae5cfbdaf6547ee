import { expect, test } from 'vitest'
import { newWakeups } from '../../src/world/wakeups.ts'
import { manualClock, settle } from './manual-clock.ts'

const never = new AbortController().signal

function passes(gap = 10) {
  const clock = manualClock()
  const wakeups = newWakeups(clock, () => gap)
  return { clock, wakeups }
}

test('the first wakeup passes at once', async () => {
  const { clock, wakeups } = passes()
  const next = wakeups.next(clock.now() + 60_000, never)
  wakeups.wake('a file')
  expect(await next).toEqual(['a file'])
})

test('a storm costs one pass for each gap', async () => {
  const { clock, wakeups } = passes()
  const times: number[] = []
  const run = (async () => {
    for (let pass = 0; pass < 3; pass++) {
      await wakeups.next(clock.now() + 60_000, never)
      times.push(clock.now() - 1_000_000)
    }
  })()
  for (let at = 0; at < 40; at++) {
    wakeups.wake('link')
    await clock.advance(1)
  }
  await run
  expect(times).toEqual([0, 10, 20])
})

test('a gap that has become a shorter one is waited out no longer', async () => {
  const clock = manualClock()
  let gap = 1000
  const wakeups = newWakeups(clock, () => gap)
  wakeups.wake('a file')
  await wakeups.next(clock.now() + 60_000, never)
  let why: readonly string[] | null = null
  wakeups.wake('link')
  void wakeups.next(clock.now() + 60_000, never).then((reasons) => {
    why = reasons
  })
  await clock.advance(100)
  gap = 10
  await clock.advance(100)
  expect(why).toBeNull()
  wakeups.wake('settled')
  await settle()
  expect(why).toEqual(['link', 'settled'])
})

test('nothing happens: it passes when it is due', async () => {
  const { clock, wakeups } = passes()
  let why: readonly string[] | null = null
  void wakeups.next(clock.now() + 60_000, never).then((reasons) => {
    why = reasons
  })
  await clock.advance(59_999)
  expect(why).toBeNull()
  await clock.advance(1)
  expect(why).toEqual([])
})

test('an abort ends the wait', async () => {
  const { clock, wakeups } = passes()
  const abort = new AbortController()
  const next = wakeups.next(clock.now() + 60_000, abort.signal)
  const outcome = next.then(
    () => 'passed',
    () => 'aborted',
  )
  await settle()
  abort.abort()
  expect(await outcome).toBe('aborted')
})
