import { expect, test } from 'vitest'
import type { Clock, Random } from '../../../src/world/clock.ts'

export interface ClockWorld {
  readonly clock: Clock
  readonly random: Random
  /** Lets that much of the world's time pass. */
  pass(milliseconds: number): Promise<void>
}

const never = new AbortController().signal

/** What every world's time and randomness must do; see src/world/clock.ts. */
export function clockContract(make: () => Promise<ClockWorld>): void {
  const law = (name: string, check: (world: ClockWorld) => Promise<void>) => test(name, async () => check(await make()))

  law('both clocks go on, and now is later than when this was written', async ({ clock, pass }) => {
    const [now, monotonic] = [clock.now(), clock.monotonic()]
    await pass(20)
    expect(clock.now() - now).toBeGreaterThanOrEqual(19)
    expect(clock.monotonic() - monotonic).toBeGreaterThanOrEqual(19)
    expect(now).toBeGreaterThan(Date.parse('2025-01-01T00:00:00Z'))
  })

  law('a sleep lasts as long as it was told, not less', async ({ clock, pass }) => {
    const begun = clock.monotonic()
    let woke = 0
    const sleeping = clock.sleep(30, never).then(() => {
      woke = clock.monotonic()
    })
    await pass(10)
    expect(woke).toBe(0)
    await pass(40)
    await sleeping
    expect(woke - begun).toBeGreaterThanOrEqual(29)
  })

  law('a sleep is ended by its signal with the reason', async ({ clock }) => {
    await expect(clock.sleep(1e6, AbortSignal.abort('enough'))).rejects.toBe('enough')
    const abort = new AbortController()
    const sleeping = clock.sleep(1e6, abort.signal)
    abort.abort('later')
    await expect(sleeping).rejects.toBe('later')
  })

  law('a timer runs once, and not at all when it was stopped', async ({ clock, pass }) => {
    const ran: string[] = []
    clock.after(10, () => ran.push('kept'))
    const stop = clock.after(10, () => ran.push('stopped'))
    stop()
    stop()
    await pass(50)
    expect(ran).toEqual(['kept'])
  })

  law('a timer of a hundred days does not run at once', async ({ clock, pass }) => {
    let ran = false
    const stop = clock.after(100 * 86_400_000, () => {
      ran = true
    })
    await pass(30)
    stop()
    expect(ran).toBe(false)
  })

  law('random bytes are as many as asked for and never the same', async ({ random }) => {
    expect(random.bytes(0)).toHaveLength(0)
    const drawn = Array.from({ length: 100 }, () => random.bytes(16).join())
    expect(new Set(drawn)).toHaveLength(100)
  })
}
