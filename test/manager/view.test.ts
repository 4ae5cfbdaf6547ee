import { expect, test } from 'vitest'
import type { ApiObject } from '../../src/kubernetes/resource.ts'
import type { Write } from '../../src/manager/decision.ts'
import { newView } from '../../src/manager/view.ts'
import type { Outcome } from '../../src/manager/write.ts'

const object = (version: number, status: object): ApiObject => ({
  metadata: { name: 'a', namespace: 'n', uid: 'u', resourceVersion: String(version) },
  status,
})
const shown = (...objects: ApiObject[]) => new Map(objects.map((each) => ['MicroVM/n/a', each]))
const write: Write = {
  ...{
    id: 'status MicroVM/n/a',
    ref: { kind: 'MicroVM', namespace: 'n', name: 'a' },
    after: [],
    because: '',
    event: null,
  },
  ...{ do: 'status', status: { nodeName: 'x' }, on: { uid: 'u', resourceVersion: '1' } },
}
const lost: Outcome = { is: 'unknown', error: new Error('lost') }

function statuses(view: ReturnType<typeof newView>, map: ReadonlyMap<string, ApiObject>, now = 0): unknown[] {
  return [...view.objects('MicroVM', map, now)].map(({ status }) => status)
}

test('what was written counts until the reflector is past the version that it was written on', () => {
  const view = newView()
  view.enter(write, { is: 'done', object: object(2, { nodeName: 'x' }) }, 0)
  expect(statuses(view, shown(object(1, {})))).toEqual([{ nodeName: 'x' }])
  expect(statuses(view, shown(object(3, { nodeName: 'x', phase: 'Running' })))).toEqual([
    { nodeName: 'x', phase: 'Running' },
  ])
  expect(statuses(view, shown(object(1, {})))).toEqual([{}])
})

test('what may have been written counts, and is sent again until it is known', () => {
  const view = newView()
  view.enter(write, lost, 0)
  expect(view.unknown).toEqual([write])
  expect(statuses(view, shown(object(1, { phase: 'Pending' })))).toMatchObject([{ phase: 'Pending', nodeName: 'x' }])
  // A conflict: it was written the first time, or somebody else was faster, which the reflector will show; or neither.
  view.enter(write, { is: 'stale' }, 0)
  expect(view.unknown).toEqual([write])
  expect(statuses(view, shown(object(1, {})))).toMatchObject([{ nodeName: 'x' }])
  expect(statuses(view, shown(object(2, { phase: 'Other' })))).toEqual([{ phase: 'Other' }])
})

test('what is sent again waits for nothing: what had to go before it was done then', () => {
  const view = newView()
  view.enter({ ...write, after: ['apply Role/n/r'] }, lost, 0)
  expect(view.unknown).toEqual([write])
})

test('what was created is there, and what was removed is not, before the reflector shows it', () => {
  const view = newView()
  view.enter({ ...write, on: null }, { is: 'done', object: object(2, { nodeName: 'x' }) }, 0)
  expect(statuses(view, shown())).toEqual([{ nodeName: 'x' }])
  expect(statuses(view, shown(), 61_000)).toEqual([])
  view.enter(write, { is: 'done', object: null }, 0)
  expect(statuses(view, shown(object(1, {})))).toEqual([])
})
