import fc from 'fast-check'
import { expect, test } from 'vitest'
import { newClient } from '../../src/kubernetes/client.ts'
import { resources } from '../../src/kubernetes/resource.ts'
import { microTime } from '../../src/kubernetes/time.ts'
import { manage, type Pass } from '../../src/manager/manager.ts'
import type { ApiServer } from '../../src/world/api-server.ts'
import { type Fate, flakyApi } from '../kubernetes/flaky-api.ts'
import { Dice } from '../sim/random.ts'
import { addHost, addMachine, addTeam, newScene, placeOf, type Scene } from './scene.ts'

/** A manager on the server of a scene, through another one. */
function start(scene: Scene, api: ApiServer, identity = 'one') {
  const stop = new AbortController()
  const passes: Pass[] = []
  const running = manage(
    {
      ...{ api, clock: scene.clock, random: new Dice(identity), namespace: 'moorage-system', identity },
      log: { info: () => {}, warn: () => {} },
      onPass: (pass) => passes.push(pass),
    },
    stop.signal,
  )
  return {
    passes,
    async end() {
      stop.abort(new Error('the test ended'))
      await scene.clock.advance(10_000)
      await running
    },
  }
}

/** Renews the Leases of hosts, and moves time on. */
async function live(scene: Scene, hosts: readonly string[], seconds: number): Promise<void> {
  const client = newClient(scene.api, scene.clock)
  const never = new AbortController().signal
  const { lease } = resources
  for (let second = 0; second < seconds; second += 5) {
    for (const name of hosts) {
      const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime: microTime(scene.clock.now()) }
      const metadata = { name, namespace: 'moorage-hosts' }
      const object = { apiVersion: lease.apiVersion, kind: lease.kind, metadata, spec }
      await client.apply(lease, object, { manager: 'agent', force: true }, never)
    }
    await scene.clock.advance(5000)
  }
}

async function stage(): Promise<Scene> {
  const scene = newScene()
  await addTeam(scene)
  for (const name of ['a', 'b']) await addHost(scene, name)
  return scene
}

const fate = fc.constantFrom<Fate>('answered', 'lost before', 'lost after', 'conflict', 'overloaded', 'broken')

test('whatever becomes of its requests: every VM is bound once, with an address of its own', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fate, { maxLength: 60, size: 'max' }), async (fates) => {
      const scene = await stage()
      const left = [...fates]
      const history = new Map<string, Set<string>>()
      const api = flakyApi(scene.api, (path) =>
        path.includes('moorage-manager') ? 'answered' : (left.shift() ?? 'answered'),
      )
      await live(scene, ['a', 'b'], 5)
      const manager = start(scene, api)
      for (let vm = 0; vm < 5; vm++) {
        await addMachine(scene, `vm${vm}`)
        await live(scene, ['a', 'b'], 10)
        for (let each = 0; each <= vm; each++) {
          const place = await placeOf(scene, `vm${each}`)
          if (!place.startsWith('nowhere')) history.set(`vm${each}`, (history.get(`vm${each}`) ?? new Set()).add(place))
        }
      }
      await live(scene, ['a', 'b'], 120)
      const places = await Promise.all([0, 1, 2, 3, 4].map((vm) => placeOf(scene, `vm${vm}`)))
      const addresses = places.map((place) => place.split(' ')[2])
      expect(new Set(addresses).size, places.join('; ')).toBe(5)
      expect(addresses).not.toContain('no')
      for (const [name, seen] of history) expect([...seen], `${name} never moved`).toHaveLength(1)
      await manager.end()
    }),
    { numRuns: Number(process.env.RUNS ?? 15) },
  )
})

test('an idle hour writes nothing but the Lease', async () => {
  const scene = await stage()
  await live(scene, ['a', 'b'], 5)
  const manager = start(scene, scene.api)
  for (const name of ['one', 'two']) await addMachine(scene, name)
  await live(scene, ['a', 'b'], 60)
  expect(await placeOf(scene, 'two')).toBe('b 1 10.1.0.3')
  const before = scene.api.writes.length
  await live(scene, ['a', 'b'], 3600)
  expect(scene.api.writes.slice(before).filter((write) => !write.includes('/leases/'))).toEqual([])
  await manager.end()
})

test('a watch that hangs makes no host silent, and one that does not renew is', async () => {
  const scene = await stage()
  const isLeases = (path: string) => path.includes('/leases')
  const deaf: ApiServer = {
    ...scene.api,
    async watch(request, signal) {
      const opened = await scene.api.watch(request, signal)
      if (opened.events === null || !isLeases(request.path)) return opened
      return { reply: null, events: nothing(signal) }
    },
  }
  await live(scene, ['a', 'b'], 5)
  const manager = start(scene, deaf)
  await live(scene, ['a', 'b'], 130)
  const pulses = () => [...(manager.passes.at(-1)?.cluster?.pulses ?? [])].map(([name, { is }]) => `${name} ${is}`)
  expect(pulses()).toEqual(['a live', 'b live'])
  await live(scene, ['a'], 200)
  expect(pulses()).toEqual(['a live', 'b silent'])
  await manager.end()
})

test('a Lease that may not be read makes nobody silent, and holds up no other work', async () => {
  const scene = await stage()
  const refusing: ApiServer = {
    ...scene.api,
    async send(request, signal) {
      if (request.method === 'GET' && /\/leases\/[ab]$/.test(request.path)) {
        return { status: 403, retryAfter: null, body: { reason: 'Forbidden', message: 'no' } }
      }
      return scene.api.send(request, signal)
    },
  }
  await live(scene, ['a', 'b'], 5)
  const manager = start(scene, refusing)
  await live(scene, ['a'], 200)
  const last = manager.passes.at(-1)
  expect(last?.error ?? null).toBeNull()
  expect([...(last?.cluster?.pulses ?? [])].map(([name, { is }]) => `${name} ${is}`)).toEqual(['a live', 'b unheard'])
  await manager.end()
})

/** Events that never come. */
function nothing(signal: AbortSignal): AsyncIterable<never> {
  const next = () =>
    new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    })
  return { [Symbol.asyncIterator]: () => ({ next }) }
}

test('of two managers one leads; cut off from the server it stops writing, and the other takes over', async () => {
  const scene = await stage()
  let cut = false
  const first = start(
    scene,
    flakyApi(scene.api, () => (cut ? 'lost before' : 'answered')),
    'first',
  )
  await live(scene, ['a', 'b'], 5)
  const second = start(scene, scene.api, 'second')
  await addMachine(scene, 'one')
  await live(scene, ['a', 'b'], 20)
  expect(await placeOf(scene, 'one')).toBe('a 1 10.1.0.2')
  expect(second.passes).toEqual([])
  cut = true
  await addMachine(scene, 'two')
  await live(scene, ['a', 'b'], 40)
  expect(await placeOf(scene, 'two')).toBe('b 1 10.1.0.3')
  const passes = first.passes.length
  await live(scene, ['a', 'b'], 60)
  expect(first.passes).toHaveLength(passes)
  cut = false
  await first.end()
  await second.end()
})
