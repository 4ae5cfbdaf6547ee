import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { newClient } from '../../../src/kubernetes/client.ts'
import type { ApiObject } from '../../../src/kubernetes/resource.ts'
import { newStatusWriter, type StatusWriter, type WantedStatus } from '../../../src/kubernetes/status-writer.ts'
import { type ManualClock, manualClock } from '../../world/manual-clock.ts'
import { type ScriptedApi, scriptedApi } from './scripted-api.ts'

const resource = { kind: 'MicroVM', apiVersion: 'moorage.dev/v1alpha1', plural: 'microvms', namespaced: true }
const own = { members: ['phase', 'conditions', 'interfaces'], conditions: ['Ready'] }
const key = 'MicroVM/default/a'

let api: ScriptedApi
let clock: ManualClock
let stop: AbortController
let known: Map<string, ApiObject>
let writer: StatusWriter
let failures: string[]

beforeEach(() => {
  api = scriptedApi()
  clock = manualClock()
  stop = new AbortController()
  known = new Map()
  failures = []
  writer = newStatusWriter({
    ...{ client: newClient(api, clock), clock, random: { bytes: (count) => new Uint8Array(count) } },
    ...{ manager: 'test', own, known: (at) => known.get(at) },
    onFailure: (_, error) => void failures.push(error.message),
  })
  void writer.run(stop.signal)
})
afterEach(() => stop.abort())

const wanted = (status: Record<string, unknown>, uid = 'u1'): ReadonlyMap<string, WantedStatus> =>
  new Map([[key, { resource, name: 'a', namespace: 'default', uid, status }]])
const shown = (status: unknown, resourceVersion: string, uid = 'u1'): ApiObject => {
  return { metadata: { name: 'a', namespace: 'default', uid, resourceVersion }, status }
}
/** The server takes the next write, and its watch has sent what it made of it. */
function takes(status: unknown, version: string): void {
  api.answer({ body: shown(status, version) })
}

async function want(status: Record<string, unknown>, uid?: string): Promise<void> {
  writer.want(wanted(status, uid))
  await clock.advance(0)
}

test('writes what differs, by server-side apply on the status alone', async () => {
  known.set(key, shown({ phase: 'Pending', nodeName: 'host-a' }, '5'))
  takes({ phase: 'Running', nodeName: 'host-a' }, '6')
  await want({ phase: 'Running' })
  expect(api.asked).toHaveLength(1)
  expect(api.asked[0]).toMatchObject({
    method: 'PATCH',
    path: '/apis/moorage.dev/v1alpha1/namespaces/default/microvms/a/status',
    contentType: 'application/apply-patch+yaml',
    query: { fieldManager: 'test', force: 'true' },
    body: {
      metadata: { name: 'a', namespace: 'default', uid: 'u1', resourceVersion: '5' },
      status: { phase: 'Running' },
    },
  })
})

describe('writes nothing', () => {
  test('when the server has it, in whatever order, with whatever besides that is not ours', async () => {
    const ready = { type: 'Ready', status: 'True', reason: 'A', message: '' }
    const theirs = { type: 'Other', status: 'True', reason: 'B', message: '' }
    const interfaces = [{ name: 'eth0', tap: 't', addresses: [{ address: '10.0.0.2' }] }]
    known.set(key, shown({ interfaces, conditions: [theirs, ready], phase: 'Running', nodeName: 'host-a' }, '5'))
    await want({ phase: 'Running', conditions: [ready], interfaces: [{ tap: 't', name: 'eth0' }] })
    expect(api.asked).toEqual([])
  })

  test('while its watch is behind what it wrote', async () => {
    known.set(key, shown({ phase: 'Pending' }, '5'))
    takes({ phase: 'Running' }, '9')
    await want({ phase: 'Running' })
    await want({ phase: 'Running' })
    known.set(key, shown({ phase: 'Pending' }, '8'))
    await want({ phase: 'Running' })
    expect(api.asked).toHaveLength(1)
  })

  test('again for what the server puts in another way', async () => {
    known.set(key, shown({}, '5'))
    takes({ phase: 'running' }, '6')
    await want({ phase: 'Running' })
    known.set(key, shown({ phase: 'running' }, '6'))
    await want({ phase: 'Running' })
    expect(api.asked).toHaveLength(1)
  })

  test('into another incarnation, nor into one that is not there', async () => {
    await want({ phase: 'Running' })
    known.set(key, shown({}, '5', 'u2'))
    await want({ phase: 'Running' })
    expect(api.asked).toEqual([])
  })
})

test('what somebody else spoilt is written again', async () => {
  known.set(key, shown({}, '5'))
  takes({ phase: 'Running' }, '6')
  await want({ phase: 'Running' })
  known.set(key, shown({ phase: 'Nonsense' }, '7'))
  takes({ phase: 'Running' }, '8')
  await want({ phase: 'Running' })
  expect(api.asked).toHaveLength(2)
})

test('a condition of ours that is no longer said goes, also after a restart', async () => {
  known.set(key, shown({ phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }, '5'))
  takes({ phase: 'Running' }, '6')
  await want({ phase: 'Running' })
  expect(api.asked).toHaveLength(1)
})

test('a failure is tried again, with what is wanted by then; a conflict or an object that went is not a failure', async () => {
  known.set(key, shown({}, '5'))
  api.answer({ status: 500, body: { message: 'etcd is away' } })
  await want({ phase: 'Starting' })
  expect(failures.join()).toContain('etcd is away')
  takes({ phase: 'Running' }, '6')
  writer.want(wanted({ phase: 'Running' }))
  await clock.advance(1000)
  expect(api.asked.at(-1)?.body).toMatchObject({ status: { phase: 'Running' } })
  known.set(key, shown({ phase: 'Nonsense' }, '7'))
  api.answer({ status: 404 })
  await want({ phase: 'Running' })
  expect(failures).toHaveLength(1)
})

test('a conflict waits for the watch, longer each time, and not a moment once it has told', async () => {
  const conflict = { status: 409 }
  known.set(key, shown({}, '5'))
  api.answer(...Array.from({ length: 8 }, () => conflict))
  await want({ phase: 'Running' })
  // 0.2, 0.4, 0.8, 1.6, 3.2 and 6.4 s.
  await clock.advance(13_000)
  expect(api.asked).toHaveLength(7)
  known.set(key, shown({ phase: 'Pending' }, '6'))
  await want({ phase: 'Running' })
  expect(api.asked).toHaveLength(8)
  takes({ phase: 'Running' }, '8')
  known.set(key, shown({ phase: 'Pending' }, '7'))
  await want({ phase: 'Running' })
  expect(api.asked).toHaveLength(9)
  expect(failures).toEqual([])
})

test('many at once go four at a time, and all of them go', async () => {
  const all = new Map<string, WantedStatus>()
  for (let at = 0; at < 30; at++) {
    const name = `vm-${at}`
    all.set(`MicroVM/default/${name}`, {
      resource,
      name,
      namespace: 'default',
      uid: name,
      status: { phase: 'Running' },
    })
    known.set(`MicroVM/default/${name}`, { metadata: { name, uid: name, resourceVersion: '1' } })
    takes({ phase: 'Running' }, '9')
  }
  writer.want(all)
  for (let turn = 0; turn < 10; turn++) await clock.advance(0)
  expect(writer.written).toBe(30)
})
