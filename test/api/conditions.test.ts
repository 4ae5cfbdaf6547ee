import { expect, test } from 'vitest'
import { type Condition, getCondition, isTrue, removeCondition, setCondition } from '../../src/api/conditions.ts'

const T1 = '2026-01-01T00:00:00Z'
const T2 = '2026-01-02T00:00:00Z'

const ready = { type: 'Ready', status: 'False', reason: 'Starting', message: 'It starts' } as const
const list: readonly Condition[] = setCondition([], ready, T1)

test('a new condition has the time it was set', () => {
  expect(list).toEqual([{ ...ready, lastTransitionTime: T1 }])
})

test('the time moves with the status only', () => {
  const said = setCondition(list, { ...ready, message: 'It still starts' }, T2)
  expect(said).toEqual([{ ...ready, message: 'It still starts', lastTransitionTime: T1 }])
  const changed = setCondition(list, { ...ready, status: 'True' }, T2)
  expect(changed).toEqual([{ ...ready, status: 'True', lastTransitionTime: T2 }])
})

test('the same again is the very same list', () => {
  expect(setCondition(list, { ...ready }, T2)).toBe(list)
  expect(removeCondition(list, 'Stalled')).toBe(list)
})

test('a new generation is a change, without a new time', () => {
  expect(setCondition(list, { ...ready, observedGeneration: 2 }, T2)).toEqual([
    { ...ready, observedGeneration: 2, lastTransitionTime: T1 },
  ])
})

test('order and other conditions stay, and the list given is not touched', () => {
  const two = setCondition(list, { ...ready, type: 'Available', status: 'True' }, T1)
  const after = setCondition(two, { ...ready, status: 'True' }, T2)
  expect(after.map(({ type, status }) => `${type}=${status}`)).toEqual(['Ready=True', 'Available=True'])
  expect(two[0]?.status).toBe('False')
  expect(removeCondition(after, 'Ready').map(({ type }) => type)).toEqual(['Available'])
  expect([isTrue(after, 'Ready'), isTrue(after, 'Stalled'), getCondition(after, 'Stalled')]).toEqual([
    true,
    false,
    undefined,
  ])
})
