import { beforeEach, describe, expect, test } from 'vitest'
import type { ApiObject } from '../../src/kubernetes/resource.ts'
import { type Acceptance, type Answer, acceptCluster, newChecker, type Seen } from '../../src/source/cluster-accept.ts'
import { answerOf } from '../../src/source/cluster-answer.ts'
import { emptyIndex, type Index } from '../../src/source/index.ts'

const now = Date.parse('2026-01-01T00:00:00Z')
const key = 'MicroVM/default/a'
const spec = { vcpu: 1, memory: '64Mi', image: { name: 'i' } }

interface More {
  readonly uid?: string
  readonly generation?: number
  readonly deleted?: boolean
  readonly spec?: object
  readonly status?: object
}

/** Each one made is another version. */
let version = 0
const nextVersion = () => {
  version += 1
  return String(version)
}
const vm = ({ uid = 'u1', generation = 1, deleted = false, ...more }: More = {}): ApiObject => ({
  metadata: {
    ...{ name: 'a', namespace: 'default', uid, generation, resourceVersion: nextVersion() },
    creationTimestamp: '2025-12-31T23:59:00Z',
    ...(deleted && { deletionTimestamp: '2026-01-01T00:00:00Z' }),
  },
  spec: more.spec ?? spec,
  status: more.status ?? { nodeName: 'host-a', bindingEpoch: 1 },
})
const secret = (value: string, resourceVersion: string): ApiObject => ({
  metadata: { name: 's', namespace: 'default', uid: 'u9', resourceVersion },
  data: { k: Buffer.from(value).toString('base64') },
})

let check = newChecker()
beforeEach(() => {
  check = newChecker()
})

function accept(previous: Index, objects: Readonly<Record<string, ApiObject>>, more: Partial<Seen> = {}): Acceptance {
  const seen: Seen = {
    objects: new Map(Object.entries(objects)),
    answers: new Map(),
    unread: new Set(),
    finished: new Set(),
    now,
    bootId: 'boot-1',
    ...more,
  }
  return acceptCluster(previous, seen, check)
}
const answered = (answer: Answer) => ({ answers: new Map([[key, answer]]) })
const first = () => accept(emptyIndex(), { [key]: vm() }).index
const record = ({ index }: Acceptance) => index.records.get(key)

describe('what the server sends', () => {
  test('is accepted with the identity that it has there', () => {
    const found = accept(emptyIndex(), { [key]: vm({ generation: 4 }) })
    expect(record(found)).toMatchObject({
      uid: 'u1',
      generation: 4,
      epoch: 1,
      deletion: null,
      object: { spec: { vcpu: 1 } },
    })
    expect(record(found)?.createdAt).toBe(now - 60_000)
    expect(found.index.recover).toBe(false)
  })

  test('is the very same index when nothing changed, also when only the status did', () => {
    const index = first()
    expect(
      accept(index, { [key]: vm({ status: { nodeName: 'host-a', bindingEpoch: 1, phase: 'Running' } }) }).index,
    ).toBe(index)
  })

  test('gives addresses', () => {
    const status = {
      nodeName: 'host-a',
      interfaces: [{ name: 'eth0', addresses: [{ address: '10.0.0.2' }] }, { name: 'eth1' }],
    }
    expect(accept(emptyIndex(), { [key]: vm({ status }) }).assigned.get(key)).toEqual({
      addresses: { eth0: '10.0.0.2' },
      turn: null,
    })
  })

  test('a version that is not understood keeps the last good one, and is told; its generation counts', () => {
    const bad = { ...spec, future: { field: 1 } }
    const found = accept(first(), { [key]: vm({ generation: 2, spec: bad }) })
    expect(record(found)).toMatchObject({ generation: 1, object: { spec } })
    expect(found.newer.get(key)?.[0]?.message).toContain('spec.future')
    expect(accept(found.index, { [key]: vm({ generation: 3 }) }).newer.size).toBe(0)
  })

  test('one that never was good is told, and nothing more', () => {
    const found = accept(emptyIndex(), { [key]: vm({ spec: { vcpu: 0 } }) })
    expect(found.index.records.size).toBe(0)
    expect(found.problems[0]).toMatchObject({ key })
  })

  test('a Secret by its version, since it counts no generations', () => {
    const at = 'Secret/default/s'
    const { index } = accept(emptyIndex(), { [at]: secret('one', '5') })
    const after = accept(index, { [at]: secret('two', '6') })
    expect(after.index.records.get(at)?.object).toMatchObject({ data: { k: 'dHdv' } })
    expect(accept(after.index, {}).index.records.size).toBe(0)
  })
})

describe('a deletion', () => {
  test('is a deletionTimestamp', () => {
    expect(record(accept(first(), { [key]: vm({ deleted: true }) }))?.deletion).toEqual({ at: now, asked: true })
  })

  test('of something that is clean here already is not begun again', () => {
    const found = accept(emptyIndex(), { [key]: vm({ deleted: true }) }, { finished: new Set(['u1']) })
    expect(found.index.records.size).toBe(0)
  })

  test('is another uid under the same name; the new one waits until the old one is gone', () => {
    const ending = accept(first(), { [key]: vm({ uid: 'u2' }) })
    expect(record(ending)).toMatchObject({ uid: 'u1', deletion: { at: now } })
    expect(accept(ending.index, { [key]: vm({ uid: 'u2' }) }).index).toBe(ending.index)
    expect(record(accept(emptyIndex(), { [key]: vm({ uid: 'u2' }) }))).toMatchObject({ uid: 'u2', deletion: null })
  })
})

describe('what the server sends no more', () => {
  test('stays while nobody knows why', () => {
    const index = first()
    expect(accept(index, {}).index).toBe(index)
  })

  test.each<[string, Answer]>([
    ['it is there and ours', { is: 'ours' }],
    ['it is not there, and nobody saw it being deleted', { is: 'gone', deleted: false }],
  ])('stays when %s', (_, answer) => {
    const index = first()
    expect(accept(index, {}, answered(answer)).index).toBe(index)
  })

  test('is told when it vanished', () => {
    expect(accept(first(), {}, answered({ is: 'gone', deleted: false })).problems[0]?.message).toContain('vanished')
  })

  test.each<[string, Answer]>([
    ['it was deleted', { is: 'gone', deleted: true }],
    ['another one has its name', { is: 'replaced' }],
    ['it is bound elsewhere', { is: 'elsewhere' }],
    ['it is being deleted', { is: 'deleting', at: now }],
  ])('ends when %s', (_, answer) => {
    expect(record(accept(first(), {}, answered(answer)))?.deletion).toMatchObject({ at: now })
  })

  test('goes at once when nothing hangs on it', () => {
    const at = 'MicroVMNetwork//n'
    const net: ApiObject = {
      metadata: { name: 'n', uid: 'u3', generation: 1, resourceVersion: '1' },
      spec: { subnet: '10.1.0.0/24' },
    }
    const { index } = accept(emptyIndex(), { [at]: net })
    expect(index.records.has(at)).toBe(true)
    expect(accept(index, {}).index.records.has(at)).toBe(false)
  })
})

describe('what it means that an object left', () => {
  const gone = { object: vm(), sent: true }
  const bound = (nodeName: string | undefined, bindingEpoch: number | undefined) => ({
    status: { nodeName, bindingEpoch },
  })

  test.each([
    ['deleted, seen as it went', { object: vm({ deleted: true }), sent: true }, null, { is: 'gone', deleted: true }],
    [
      'deleted, not seen as it went',
      { object: vm({ deleted: true }), sent: false },
      null,
      { is: 'gone', deleted: false },
    ],
    ['vanished', gone, null, { is: 'gone', deleted: false }],
    ['made anew', gone, vm({ uid: 'u2' }), { is: 'replaced' }],
    ['bound elsewhere later', gone, vm(bound('host-b', 2)), { is: 'elsewhere' }],
    ['bound elsewhere by the same decision', gone, vm(bound('host-b', 1)), { is: 'ours' }],
    ['bound elsewhere by an older decision', gone, vm(bound('host-b', 0)), { is: 'ours' }],
    ['without a binding: its status was lost', gone, vm(bound(undefined, undefined)), { is: 'ours' }],
    ['bound here again', gone, vm(bound('host-a', 2)), { is: 'ours' }],
    [
      'being deleted, its status lost',
      gone,
      vm({ ...bound(undefined, undefined), deleted: true }),
      { is: 'deleting', at: now },
    ],
  ])('%s', (_, left, there, means) => {
    expect(answerOf(left, there, 'host-a', 5)).toEqual(means)
  })
})

test('a record tells during which boot the server sent it last', () => {
  const before = first()
  expect(before.records.get(key)?.boot).toBe('boot-1')
  const away = accept(before, {}, { ...answered({ is: 'ours' }), bootId: 'boot-2' })
  expect(record(away)?.boot).toBe('boot-1')
  expect(record(accept(before, { [key]: vm() }, { bootId: 'boot-2' }))?.boot).toBe('boot-2')
})

test('a Secret that was not read yet stays as it was accepted; one that is gone goes', () => {
  const name = 'Secret/default/s'
  const before = accept(emptyIndex(), { [key]: vm(), [name]: secret('one', '1') }).index
  const again = accept(before, { [key]: vm() }, { unread: new Set([name]) }).index
  expect(again.records.get(name)).toBe(before.records.get(name))
  expect(accept(before, { [key]: vm() }).index.records.has(name)).toBe(false)
})
