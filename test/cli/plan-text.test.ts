import { expect, test } from 'vitest'
import type { Action } from '../../src/action.ts'
import { planText, signOf } from '../../src/cli/plan-text.ts'

const owner = { kind: 'MicroVM', namespace: 'default', name: 'slot1' }
const head = { owner, after: [], because: 'it is so' }
const some = (id: string, step: object) => ({ ...head, id, ...step }) as unknown as Action

test('actions in order with a sign, then what is refused and waited for, then the sum', () => {
  const plan = {
    actions: [
      some('ensureBridge/br0', {
        kind: 'ensureBridge',
        mend: ['add'],
        owner: { ...owner, kind: 'MicroVMNetwork', namespace: '' },
      }),
      some('ensureTap/tap0', { kind: 'ensureTap', mend: ['master'] }),
      some('removeRules', { kind: 'removeRules', owner: { kind: 'Host', namespace: '', name: 'host' } }),
    ],
    refusals: [{ owner, reason: 'NameTaken', message: 'tap0 is taken' }],
    waits: [{ owner, reason: 'CrashLoopBackOff', message: 'next try in 10 s', until: 5 }],
  }
  expect(planText(plan)).toBe(`+ ensureBridge/br0  MicroVMNetwork slot1: it is so
~ ensureTap/tap0  MicroVM default/slot1: it is so
- removeRules  the host: it is so
! MicroVM default/slot1: tap0 is taken
… MicroVM default/slot1: next try in 10 s
1 to add, 1 to change, 1 to remove.
`)
})

test('nothing to do is said, also beside a refusal', () => {
  expect(planText({ actions: [], refusals: [], waits: [] })).toBe('Nothing to do.\n')
  const refusals = [{ owner, reason: 'R', message: 'no' }]
  expect(planText({ actions: [], refusals, waits: [] })).toBe('! MicroVM default/slot1: no\nNothing to do.\n')
})

test.each([
  [{ kind: 'ensureRules', change: { mode: 'replace' } }, '+'],
  [{ kind: 'ensureRules', change: { mode: 'elements' } }, '~'],
  [{ kind: 'setForwarding', value: true }, '+'],
  [{ kind: 'setForwarding', value: false }, '-'],
  [{ kind: 'startMachine' }, '+'],
  [{ kind: 'stopMachine' }, '-'],
  [{ kind: 'deleteVolume' }, '-'],
  [{ kind: 'replugNic' }, '~'],
])('%j is %s', (step, sign) => expect(signOf(some('x', step))).toBe(sign))
