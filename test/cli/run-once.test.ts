import { describe, expect, test } from 'vitest'
import { leftOf, movingOf } from '../../src/cli/run-once.ts'
import type { Pass } from '../../src/controller/reconcile.ts'

const now = 1000
const owner = { kind: 'MicroVM', namespace: 'default', name: 'one' }

interface Given {
  actions?: { id: string; after?: string[] }[]
  failures?: Record<string, number>
  waits?: { reason: string; message: string }[]
  refusals?: { message: string }[]
  inFlight?: string[]
  finished?: number
  recheckAt?: number | null
  hold?: string | null
  problems?: { file: string; line: number; column: number; message: string }[]
}

/** A pass with what matters here; failures are given by the time of their next try. */
function pass(given: Given): Pass {
  const actions = (given.actions ?? []).map(({ id, after = [] }) => ({ id, after, owner, because: 'why' }))
  const failures = Object.entries(given.failures ?? {}).map(
    ([id, retryAt]) => [id, { retryAt, error: 'broken' }] as const,
  )
  const refusals = (given.refusals ?? []).map((one) => ({ owner, ...one }))
  const waits = (given.waits ?? []).map((one) => ({ owner, until: null, ...one }))
  return {
    source: { problems: given.problems ?? [], hold: given.hold ?? null, recheckAt: given.recheckAt ?? null },
    view: {
      plan: { actions, refusals, waits },
      refusals: [],
      failures: new Map(failures),
      observed: { inFlight: (given.inFlight ?? []).map((id) => ({ id })) },
    },
    finished: given.finished ?? 0,
  } as unknown as Pass
}

describe('it goes on while something moves by itself', () => {
  test.each<[string, Given, string[]]>([
    ['an action that nothing holds back', { actions: [{ id: 'a' }] }, ['a: why']],
    ['one that failed and is tried again at once', { actions: [{ id: 'a' }], failures: { a: now } }, ['a: why']],
    ['what is under way although no plan asks for it', { inFlight: ['a'] }, ['a']],
    [
      'a restart that waits for a neighbour',
      { waits: [{ reason: 'RestartQueued', message: 'after two' }] },
      ['after two'],
    ],
    ['a deletion that just ended', { finished: 1 }, ['deletions that ended in this pass']],
    ['manifests that have to settle', { recheckAt: now + 500 }, ['manifests that have only just changed']],
  ])('%s', (_, given, moving) => expect(movingOf(pass(given), now)).toEqual(moving))
})

describe('it ends when only time or somebody else can change anything', () => {
  test.each<[string, Given]>([
    ['nothing at all', {}],
    ['an action that waits out its backoff', { actions: [{ id: 'a' }], failures: { a: now + 1 } }],
    [
      'and all that stand behind it',
      { actions: [{ id: 'a' }, { id: 'b', after: ['a'] }, { id: 'c', after: ['b'] }], failures: { a: now + 1 } },
    ],
    ['a crash loop', { waits: [{ reason: 'CrashLoopBackOff', message: 'later' }] }],
    ['a refusal', { refusals: [{ message: 'no' }] }],
  ])('%s', (_, given) => expect(movingOf(pass(given), now)).toEqual([]))
})

test('what is left, in sentences; nothing is left of a host that is as wanted', () => {
  expect(leftOf(pass({}))).toEqual([])
  const given: Given = {
    hold: 'the disk is gone',
    problems: [
      { file: '/m/a.yaml', line: 3, column: 5, message: 'bad' },
      { file: '/m', line: 0, column: 0, message: 'unreadable' },
    ],
    refusals: [{ message: 'tap0 is taken' }],
    waits: [{ reason: 'CrashLoopBackOff', message: 'later' }],
    failures: { 'startMachine/1': now + 1 },
  }
  expect(leftOf(pass(given))).toEqual([
    'nothing is taken as deleted: the disk is gone',
    '/m/a.yaml:3:5: bad',
    '/m: unreadable',
    'MicroVM default/one: tap0 is taken',
    'MicroVM default/one: later',
    'startMachine/1 failed: broken',
  ])
})
