import { expect, test } from 'vitest'
import { startNotify } from '../../src/cli/run-notify.ts'
import type { Controller, PassEnd } from '../../src/controller/controller.ts'
import { linuxNotify } from '../../src/world/linux/notify.ts'
import type { Notify } from '../../src/world/notify.ts'

/** A loop whose passes and time are the test's. */
function open(watchdog: number | null, failing = false) {
  let now = 0
  const sleepers: { at: number; wake: () => void }[] = []
  const listeners = new Set<(end: PassEnd) => void>()
  const clock = {
    monotonic: () => now,
    sleep: (ms: number, signal: AbortSignal) =>
      new Promise<void>((wake, fail) => {
        const onAbort = () => fail(signal.reason)
        signal.addEventListener('abort', onAbort)
        sleepers.push({
          at: now + ms,
          wake() {
            signal.removeEventListener('abort', onAbort)
            wake()
          },
        })
      }),
  }
  const controller = {
    options: { world: { clock }, config: { resyncSeconds: 60 } },
    onPass(listener: (end: PassEnd) => void) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  } as unknown as Controller
  const told: string[] = []
  const warned: unknown[] = []
  const notify: Notify = {
    watchdog,
    async tell(...words) {
      if (failing) throw new Error('nobody there')
      told.push(words[0]!)
    },
  }
  const stop = startNotify(controller, notify, { warn: (fields: unknown) => void warned.push(fields) } as never)
  const settle = async () => {
    for (let i = 0; i < 20; i++) await Promise.resolve()
  }
  return {
    told,
    warned,
    stop,
    listeners,
    pass: async (error: string | null) => {
      for (const listener of listeners) listener({ took: 1, error })
      await settle()
    },
    /** Lets time go on, in steps of a second. */
    wait: async (seconds: number) => {
      await settle()
      for (const end = now + seconds * 1000; now < end; ) {
        now += 1000
        const due = sleepers.filter(({ at }) => at <= now)
        for (const one of due) {
          sleepers.splice(sleepers.indexOf(one), 1)
          one.wake()
        }
        await settle()
      }
    },
  }
}

test('ready is told after the first pass that succeeds, once', async () => {
  const it = open(null)
  await it.pass('no nft')
  expect(it.told).toEqual([])
  await it.pass(null)
  await it.pass(null)
  expect(it.told).toEqual(['READY=1'])
  await it.stop()
  expect(it.told).toEqual(['READY=1', 'STOPPING=1'])
  expect(it.listeners.size).toBe(0)
})

test('the watchdog hears thrice in its time, until the loop passes no more', async () => {
  const it = open(30_000)
  await it.wait(60)
  expect(it.told.filter((word) => word === 'WATCHDOG=1')).toHaveLength(7)
  await it.pass('even one that fails')
  await it.wait(180)
  const count = it.told.length
  await it.wait(300)
  expect(it.told).toHaveLength(count)
  await it.pass(null)
  await it.wait(10)
  expect(it.told.length).toBeGreaterThan(count)
  await it.stop()
})

test('who cannot be told is warned of, and nothing ends', async () => {
  const it = open(null, true)
  await it.pass(null)
  await it.stop()
  expect(it.warned).toEqual([{ error: 'nobody there' }, { error: 'nobody there' }])
})

test('without NOTIFY_SOCKET there is nobody to tell; the watchdog of another process is not ours', () => {
  expect(linuxNotify({})).toBeNull()
  expect(linuxNotify({ NOTIFY_SOCKET: '/x' })?.watchdog).toBeNull()
  expect(linuxNotify({ NOTIFY_SOCKET: '/x', WATCHDOG_USEC: '5000000' })?.watchdog).toBe(5000)
  expect(linuxNotify({ NOTIFY_SOCKET: '/x', WATCHDOG_USEC: '5000000', WATCHDOG_PID: '1' })?.watchdog).toBeNull()
})
