import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { newReflector, type Reflector, type ReflectorOptions } from '../../../src/kubernetes/reflector.ts'
import type { Resource } from '../../../src/kubernetes/resource.ts'
import { ApiUnreachableError } from '../../../src/world/api-server.ts'
import { type ManualClock, manualClock } from '../../world/manual-clock.ts'
import { type ScriptedApi, scriptedApi } from './scripted-api.ts'

const resource: Resource = { kind: 'MicroVM', apiVersion: 'moorage.dev/v1alpha1', plural: 'microvms', namespaced: true }
const key = (name: string) => `MicroVM/default/${name}`
const object = (name: string, resourceVersion: string, more: object = {}) => ({
  metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion, ...more },
})
const page = (version: string, items: readonly object[], more = '') => ({
  body: { metadata: { resourceVersion: version, continue: more }, items },
})

let api: ScriptedApi
let clock: ManualClock
let stop: AbortController
let changes = 0

beforeEach(() => {
  api = scriptedApi()
  clock = manualClock()
  stop = new AbortController()
  changes = 0
})
afterEach(() => stop.abort())

function follow(more: Partial<ReflectorOptions> = {}): Reflector {
  const random = { bytes: (count: number) => new Uint8Array(count) }
  const onChange = () => {
    changes += 1
  }
  const reflector = newReflector({ api, clock, random, resource, onChange, ...more })
  void reflector.run(stop.signal)
  return reflector
}

const versions = ({ objects }: Reflector) =>
  Object.fromEntries([...objects].map(([at, { metadata }]) => [at, metadata.resourceVersion]))
const watchesFrom = () => api.watches.map(({ request }) => request.query?.resourceVersion ?? null)

describe('list', () => {
  test('page by page; nothing is told before the last one', async () => {
    api.answer(page('9', [object('a', '3')], 'next'), page('9', [object('b', '4')]))
    const reflector = follow()
    expect(reflector.synced).toBe(false)
    await clock.advance(0)
    expect(versions(reflector)).toEqual({ [key('a')]: '3', [key('b')]: '4' })
    expect(reflector.synced).toBe(true)
    expect(changes).toBe(1)
    expect(api.asked.map(({ query }) => query?.continue)).toEqual([undefined, 'next', undefined])
    expect(watchesFrom()).toEqual(['9'])
  })

  test('pages that expire on the way are begun again, whole', async () => {
    api.answer(page('9', [object('gone', '3')], 'next'), { status: 410 }, page('12', [object('a', '11')]))
    const reflector = follow()
    await clock.advance(0)
    expect(versions(reflector)).toEqual({ [key('a')]: '11' })
    expect(api.asked[2]?.query).toEqual({})
  })

  test('a server that is away is asked for ever, with pauses; what it asks for with Retry-After is kept', async () => {
    const away = new ApiUnreachableError('connection refused')
    api.answer(away, away, { status: 429, retryAfter: 45_000 }, page('9', []))
    const reflector = follow()
    await clock.advance(0)
    expect(reflector.problem).toContain('connection refused')
    await clock.advance(3000)
    expect(api.asked).toHaveLength(3)
    await clock.advance(42_000)
    expect(api.asked).toHaveLength(3)
    await clock.advance(2000)
    expect(reflector.synced).toBe(true)
    expect(reflector.problem).toBeNull()
  })

  test('only what is selected, with bookmarks', async () => {
    api.answer(page('9', []))
    follow({ fieldSelector: 'status.nodeName=host-a' })
    await clock.advance(0)
    expect(api.asked.map(({ query }) => query?.fieldSelector)).toEqual([
      'status.nodeName=host-a',
      'status.nodeName=host-a',
    ])
    expect(api.watches[0]?.request.query).toMatchObject({ watch: 'true', allowWatchBookmarks: 'true' })
  })
})

describe('watch', () => {
  test('adds, changes and takes away; who left is kept until it is forgotten', async () => {
    api.answer(page('9', [object('a', '3'), object('b', '4')]))
    const reflector = follow()
    await clock.advance(0)
    const [watch] = api.watches
    watch?.send({ type: 'MODIFIED', object: object('a', '10') })
    watch?.send({ type: 'ADDED', object: object('c', '11') })
    watch?.send({ type: 'DELETED', object: object('b', '12', { deletionTimestamp: 'now' }) })
    await clock.advance(0)
    expect(versions(reflector)).toEqual({ [key('a')]: '10', [key('c')]: '11' })
    expect(reflector.departed.get(key('b'))).toMatchObject({
      sent: true,
      object: { metadata: { deletionTimestamp: 'now' } },
    })
    reflector.forget(key('b'))
    expect(reflector.departed.size).toBe(0)
  })

  test('the same version twice changes nothing', async () => {
    api.answer(page('9', [object('a', '3')]))
    const reflector = follow()
    await clock.advance(0)
    const before = reflector.objects.get(key('a'))
    api.watches[0]?.send({ type: 'ADDED', object: object('a', '3') })
    await clock.advance(0)
    expect(reflector.objects.get(key('a'))).toBe(before)
    expect(changes).toBe(1)
  })

  test('one that breaks, ends or falls silent goes on from where it was, bookmarks included', async () => {
    api.answer(page('9', []))
    follow()
    await clock.advance(0)
    api.watches[0]?.send({ type: 'ADDED', object: object('a', '20') })
    await clock.advance(0)
    api.watches[0]?.break()
    await clock.advance(1000)
    api.watches[1]?.send({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '30' } } })
    await clock.advance(2000)
    api.watches[1]?.end()
    await clock.advance(1000)
    expect(watchesFrom()).toEqual(['9', '20', '30'])
    // Nothing at all, not even a bookmark: it is dead, whatever TCP says.
    await clock.advance(148_000)
    expect(api.watches[2]?.closed).toBe(false)
    await clock.advance(3000)
    expect(api.watches[2]?.closed).toBe(true)
    expect(watchesFrom()).toEqual(['9', '20', '30', '30'])
  })

  test.each([
    [
      'in an event',
      (watch: ScriptedApi['watches'][number]) =>
        watch.send({ type: 'ERROR', object: { code: 410, reason: 'Expired' } }),
    ],
  ])('one whose version is too old lists anew, at once: %s', async (_, expire) => {
    api.answer(page('9', [object('a', '3'), object('b', '4')]), page('50', [object('b', '40')]))
    const reflector = follow()
    await clock.advance(0)
    expire(api.watches[0]!)
    await clock.advance(0)
    expect(versions(reflector)).toEqual({ [key('b')]: '40' })
    expect(reflector.departed.get(key('a'))).toMatchObject({ sent: false })
    expect(watchesFrom()).toEqual(['9', '50'])
  })

  test('one that is refused as too old lists anew, too', async () => {
    api.answer(page('9', []), page('50', []))
    api.refuse({ status: 410 })
    follow()
    await clock.advance(0)
    expect(watchesFrom()).toEqual(['50'])
  })

  test('one that a server refuses as too old after it was away long lists anew at once: it answers', async () => {
    const away = new ApiUnreachableError('no route')
    api.answer(page('9', []), page('50', [object('a', '40')]), page('60', []))
    api.refuse(away, away, away, away, away, { status: 410 }, { status: 410 })
    const reflector = follow()
    await clock.advance(7749)
    expect(api.asked).toHaveLength(6)
    await clock.advance(1)
    expect(versions(reflector)).toEqual({ [key('a')]: '40' })
    // That its newest list is too old already may go on for ever.
    expect(api.asked).toHaveLength(9)
    await clock.advance(3000)
    expect(api.asked).toHaveLength(9)
    await clock.advance(30_000)
    expect(watchesFrom()).toEqual(['60'])
  })

  test('another error in it is told, and it goes on from where it was', async () => {
    api.answer(page('9', []))
    const reflector = follow()
    await clock.advance(0)
    api.watches[0]?.send({ type: 'ERROR', object: { code: 500, message: 'etcd is away' } })
    await clock.advance(0)
    expect(reflector.problem).toContain('etcd is away')
    await clock.advance(1000)
    expect(watchesFrom()).toEqual(['9', '9'])
    expect(reflector.problem).toBeNull()
  })

  test('what a newer server sends besides is passed over', async () => {
    api.answer(page('9', []))
    const reflector = follow()
    await clock.advance(0)
    api.watches[0]?.send({ type: 'PONDERED', object: {} })
    api.watches[0]?.send({ type: 'ADDED', object: object('a', '10') })
    await clock.advance(0)
    expect(versions(reflector)).toEqual({ [key('a')]: '10' })
  })

  test('a server that ends each watch at once is not asked without a pause', async () => {
    api.answer(page('9', []))
    follow()
    for (let turn = 0; turn < 20; turn++) {
      await clock.advance(100)
      api.watches.at(-1)?.end()
    }
    expect(api.watches.length).toBeLessThan(12)
  })
})

describe('one object by its name', () => {
  test('is got and watched, never listed', async () => {
    api.answer({ body: object('a', '5') })
    const reflector = follow({ name: 'a', namespace: 'default' })
    await clock.advance(0)
    expect(versions(reflector)).toEqual({ [key('a')]: '5' })
    expect(api.asked.map(({ path }) => path)).toEqual([
      '/apis/moorage.dev/v1alpha1/namespaces/default/microvms/a',
      '/apis/moorage.dev/v1alpha1/namespaces/default/microvms',
    ])
    expect(api.watches[0]?.request.query).toMatchObject({ fieldSelector: 'metadata.name=a', resourceVersion: '5' })
  })

  test('whose own version is older than what the server remembers is watched from whatever there is', async () => {
    const one = { body: object('a', '3') }
    api.answer(one, one, one)
    api.refuse({ status: 410 })
    const reflector = follow({ name: 'a', namespace: 'default' })
    await clock.advance(0)
    expect(watchesFrom()).toEqual([null])
    api.watches[0]!.send({ type: 'ADDED', object: object('a', '3') })
    await clock.advance(60_000)
    expect(versions(reflector)).toEqual({ [key('a')]: '3' })
    expect(api.asked.map(({ query }) => (query?.watch ? `watch ${query.resourceVersion}` : 'get'))).toEqual([
      ...['get', 'watch 3', 'get', 'watch undefined', 'get'],
    ])
  })

  test('that goes before such a watch has begun is missed, and one that comes meanwhile stays', async () => {
    const one = { body: object('a', '3') }
    api.answer(one, one, { status: 404 })
    api.refuse({ status: 410 })
    const reflector = follow({ name: 'a', namespace: 'default' })
    await clock.advance(0)
    expect(versions(reflector)).toEqual({})
    expect([...reflector.departed.keys()]).toEqual([key('a')])
    api.watches[0]!.send({ type: 'ADDED', object: object('a', '9') })
    await clock.advance(0)
    expect(versions(reflector)).toEqual({ [key('a')]: '9' })
  })

  test('may be absent, and come later', async () => {
    api.answer({ status: 404 })
    const reflector = follow({ name: 'a', namespace: 'default' })
    await clock.advance(0)
    expect(reflector.synced).toBe(true)
    expect(watchesFrom()).toEqual([null])
    api.watches[0]?.send({ type: 'ADDED', object: object('a', '7') })
    await clock.advance(0)
    expect(versions(reflector)).toEqual({ [key('a')]: '7' })
  })
})
