import { describe, expect, test } from 'vitest'
import { changeRecord, forgetRecord, mergeRecords } from '../../src/controller/ledger.ts'
import { type Ledger, newRecord } from '../../src/ledger.ts'

const ref = { kind: 'MicroVM', namespace: 'default', name: 'a' }
const record = newRecord(ref, 61000, 'Always', 'on')
const ledger = (machines: Ledger['machines']): Ledger => ({
  version: 1,
  root: { id: '0badcafe', group: 7 },
  forwardingPrior: null,
  machines,
})

describe('merging what a pass thought with what happened meanwhile', () => {
  test('a field that the pass changed is taken, one that an action changed is kept', () => {
    const base = ledger({ a: record })
    const thought = ledger({ a: { ...record, addresses: { eth0: '10.0.0.2' } } })
    const meanwhile = changeRecord('a', (old) => ({ ...old, crashes: { count: 3, retryAt: 9 } }))(base)
    const merged = mergeRecords(base, thought)(meanwhile)
    expect(merged.machines.a).toEqual({ ...record, addresses: { eth0: '10.0.0.2' }, crashes: { count: 3, retryAt: 9 } })
  })

  test('a new record is added', () => {
    expect(mergeRecords(ledger({}), ledger({ a: record }))(ledger({})).machines).toEqual({ a: record })
  })

  test('a record that was forgotten meanwhile does not come back', () => {
    const base = ledger({ a: record })
    const thought = ledger({ a: { ...record, power: { wish: 'off', strategy: 'Manual' } } })
    expect(mergeRecords(base, thought)(forgetRecord('a')(base)).machines).toEqual({})
  })
})
