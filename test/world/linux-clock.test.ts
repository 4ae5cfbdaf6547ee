import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { linuxClock, linuxRandom } from '../../src/world/linux/clock.ts'
import { clockContract } from './contract/clock.ts'

const pass = (milliseconds: number) => delay(milliseconds)

describe('contract', () => clockContract(async () => ({ clock: linuxClock(), random: linuxRandom(), pass })))

test('a timer that is longer than setTimeout can wait runs in its time', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  try {
    const days = 100 * 86_400_000
    let ran = false
    linuxClock().after(days, () => {
      ran = true
    })
    vi.advanceTimersByTime(days - 5)
    expect(ran).toBe(false)
    vi.advanceTimersByTime(10)
    expect(ran).toBe(true)
  } finally {
    vi.useRealTimers()
  }
})
