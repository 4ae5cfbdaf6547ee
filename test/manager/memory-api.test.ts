import { expect, test } from 'vitest'
import { newClient } from '../../src/kubernetes/client.ts'
import { newReflector } from '../../src/kubernetes/reflector.ts'
import { resources } from '../../src/kubernetes/resource.ts'
import { apiContract } from '../kubernetes/contract.ts'
import { memoryApi } from '../kubernetes/memory-api.ts'
import { Dice } from '../sim/random.ts'
import { manualClock, settle } from '../world/manual-clock.ts'

let count = 0
apiContract('an API server in memory', async () => {
  const clock = manualClock()
  return {
    api: memoryApi(clock, new Dice(1)),
    clock,
    namespace: async () => {
      count += 1
      return `n${count}`
    },
  }
})

test('a reflector follows it over a broken watch, a compaction and bookmarks', async () => {
  const clock = manualClock()
  const random = new Dice(1)
  const api = memoryApi(clock, random)
  const client = newClient(api, clock)
  const stop = new AbortController()
  const reflector = newReflector({ api, clock, random, resource: resources.lease, onChange: () => {} })
  const running = reflector.run(stop.signal)
  const names = () => [...reflector.objects.values()].map(({ metadata }) => metadata.name)
  const make = async (name: string) => {
    const head = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace: 'n' } }
    await client.create(resources.lease, { namespace: 'n' }, head, stop.signal)
  }
  await make('a')
  await clock.advance(100)
  expect(names()).toEqual(['a'])
  await make('b')
  api.bookmark()
  await settle()
  expect(names()).toEqual(['a', 'b'])
  api.cut()
  await settle()
  await make('c')
  expect(reflector.problem).toContain('the connection broke')
  await client.remove(resources.lease, { namespace: 'n', name: 'a' }, null, stop.signal)
  api.compact()
  await clock.advance(5000)
  expect(names()).toEqual(['b', 'c'])
  expect(reflector.problem).toBeNull()
  expect(reflector.departed.get('Lease/n/a')).toMatchObject({ sent: false })
  stop.abort(new Error('enough'))
  await running
})
