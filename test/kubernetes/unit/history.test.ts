import { describe, expect, test } from 'vitest'
import { newJudge, type Stored } from '../history.ts'

function stored(name: string, uid: string, status: Stored['status'] = {}): Stored {
  return { metadata: { name, namespace: 'default', uid }, status }
}
const at = (...addresses: string[]) => ({
  interfaces: addresses.map((address) => ({ addresses: [{ address }] })),
})

describe('what was stored of VMs', () => {
  test('an address that two have at once is told, and one that was given back is not', () => {
    const judge = newJudge()
    expect(judge.see('a', stored('a', '1', at('10.0.0.2')))).toEqual([])
    expect(judge.see('a', stored('a', '1', at('10.0.0.2')))).toEqual([])
    expect(judge.see('b', stored('b', '2', at('10.0.0.2')))).toEqual(['I4: 10.0.0.2 is given to b while a has it'])
    judge.forget('b')
    judge.forget('a')
    expect(judge.see('c', stored('c', '3', at('10.0.0.2')))).toEqual([])
  })

  test('a VM that is bound anew is told, and another one of its name is not', () => {
    const judge = newJudge()
    expect(judge.see('a', stored('a', '1'))).toEqual([])
    expect(judge.see('a', stored('a', '1', { nodeName: 'x', bindingEpoch: 1 }))).toEqual([])
    expect(judge.see('a', stored('a', '1', { nodeName: 'y', bindingEpoch: 1 }))).toEqual([
      'I1: a was bound to x and is bound to y',
    ])
    expect(judge.see('a', stored('a', '1', { nodeName: 'y', bindingEpoch: 2 }))).toEqual(['I1: a was bound 2 times'])
    judge.forget('a')
    expect(judge.see('a', stored('a', '2', { nodeName: 'x', bindingEpoch: 1 }))).toEqual([])
  })
})
