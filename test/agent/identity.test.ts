import { expect, test } from 'vitest'
import type { Client } from '../../src/kubernetes/client.ts'
import { ApiError } from '../../src/kubernetes/error.ts'
import { newIdentity } from '../../src/kubernetes/identity.ts'
import type { Clock } from '../../src/world/clock.ts'

const minute = 60_000

/** A server that counts the tokens it gave, and a clock that the test turns. */
function open(seconds = 3600) {
  let now = 1000
  let given = 0
  const asked: string[] = []
  const state = { account: true, away: false, refuse: false }
  const fail = (status: number, message = '') =>
    new ApiError('POST', { status, retryAfter: null, body: { message, reason: '' } })
  const client = {
    async create(_resource: unknown, { subresource }: { subresource?: string }, object: object) {
      asked.push(subresource ?? 'account')
      if (state.away) throw new Error('nobody answers')
      if (state.refuse) throw fail(403, 'another node')
      if (subresource === undefined) {
        if (state.account) throw fail(409)
        state.account = true
        return {}
      }
      if (!state.account) throw fail(404)
      expect(object).toMatchObject({ spec: { expirationSeconds: 3600, boundObjectRef: { kind: 'Node', name: 'a' } } })
      given += 1
      return { spec: { expirationSeconds: seconds }, status: { token: `token-${given}` } }
    },
  } as unknown as Client
  const clock = { monotonic: () => now } as Clock
  const { signal } = new AbortController()
  const identity = newIdentity({ client, clock, namespace: 'moorage-hosts', nodeName: 'a', signal })
  const after = (ms: number) => {
    now += ms
    return identity.current()
  }
  return { identity, state, asked, after }
}

test('a token is asked for once, and anew after half of its time', async () => {
  const { identity, asked, after } = open()
  expect(await Promise.all([identity.current(), identity.current()])).toEqual(['token-1', 'token-1'])
  expect(await after(29 * minute)).toBe('token-1')
  expect(await after(2 * minute)).toBe('token-2')
  expect(asked).toEqual(['token', 'token'])
})

test('a server that grants less is asked sooner', async () => {
  const { after } = open(600)
  expect(await after(0)).toBe('token-1')
  expect(await after(4 * minute)).toBe('token-1')
  expect(await after(2 * minute)).toBe('token-2')
})

test('the ServiceAccount is made when it is not there', async () => {
  const { identity, state, asked } = open()
  state.account = false
  expect(await identity.current()).toBe('token-1')
  expect(asked).toEqual(['token', 'account', 'token'])
})

test('while the server is away the old token does, as long as it is good', async () => {
  const { state, asked, after } = open()
  await after(0)
  state.away = true
  expect(await after(40 * minute)).toBe('token-1')
  expect(await after(1000)).toBe('token-1')
  expect(asked).toHaveLength(2)
  expect(await after(11_000)).toBe('token-1')
  expect(asked).toHaveLength(3)
  await expect(after(20 * minute)).rejects.toThrow('there is no token for host a: nobody answers')
  state.away = false
  expect(await after(11_000)).toBe('token-2')
})

test('a token that was refused is replaced, unless it is quite new', async () => {
  const { identity, after } = open()
  await after(0)
  identity.forget()
  expect(await after(9000)).toBe('token-1')
  expect(await after(1000)).toBe('token-1')
  identity.forget()
  expect(await after(0)).toBe('token-2')
})

test('a refusal is told', async () => {
  const { identity, state } = open()
  state.refuse = true
  await expect(identity.current()).rejects.toThrow('there is no token for host a: POST: another node')
})
