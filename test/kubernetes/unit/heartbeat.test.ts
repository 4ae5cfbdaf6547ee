import { expect, test } from 'vitest'
import { newClient } from '../../../src/kubernetes/client.ts'
import { heartbeat, runHeartbeat } from '../../../src/kubernetes/heartbeat.ts'
import type { ApiServer } from '../../../src/world/api-server.ts'
import { manualClock } from '../../world/manual-clock.ts'

test('a connection that died without a word costs one renewal, and not the lease', async () => {
  const clock = manualClock()
  const renewals: number[] = []
  let tries = 0
  const api: ApiServer = {
    address: 'https://test',
    send: (_, signal) => {
      tries += 1
      if (tries === 2) return new Promise((_done, fail) => signal.addEventListener('abort', () => fail(signal.reason)))
      renewals.push(clock.monotonic())
      return Promise.resolve({ status: 200, retryAfter: null, body: {} })
    },
    watch: () => Promise.reject(new Error('nobody watches here')),
  }
  const stop = new AbortController()
  const failures: string[] = []
  const running = runHeartbeat(
    {
      ...{ client: newClient(api, clock), clock, random: { bytes: (count) => new Uint8Array(count) } },
      ...{ namespace: 'hosts', name: 'a', onFailure: ({ message }) => void failures.push(message) },
    },
    stop.signal,
  )
  await clock.advance(heartbeat.lasts * 1000)
  expect(renewals.length).toBeGreaterThanOrEqual(2)
  expect(renewals[1]! - renewals[0]!).toBeLessThan((heartbeat.lasts * 1000) / 1.5)
  expect(failures).toHaveLength(1)
  stop.abort()
  await running
})
