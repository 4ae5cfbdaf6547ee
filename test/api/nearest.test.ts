import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hint, nearest } from '../../src/api/nearest.ts'

const KNOWN = ['memory', 'vcpu', 'image', 'runStrategy', 'interfaces', 'vsock']

const CASES: readonly (readonly [wrong: string, right: string | undefined])[] = [
  ['memroy', 'memory'],
  ['Memory', 'memory'],
  ['runstrategy', 'runStrategy'],
  ['interface', 'interfaces'],
  ['cpu', 'vcpu'],
  ['vcpus', 'vcpu'],
  ['imgae', 'image'],
  ['intrefacse', 'interfaces'],
  ['meomyr', 'memory'],
  ['yromem', undefined],
  ['disk', undefined],
  ['xyz', undefined],
  ['', undefined],
]

for (const [wrong, right] of CASES) test(`${wrong} -> ${right}`, () => expect(nearest(wrong, KNOWN)).toBe(right))

test('a name that is right has no hint, a wrong one has', () => {
  expect(hint('memory', KNOWN)).toBe('')
  expect(hint('memroy', KNOWN)).toBe(': did you mean memory?')
})

test('a known name is nearest to itself', () => {
  for (const name of KNOWN) expect(nearest(name, KNOWN)).toBe(name)
})

test('one dropped letter of a long name is found', () => {
  fc.assert(
    fc.property(fc.nat(10), (at) => {
      const wrong = `${'runStrategy'.slice(0, at)}${'runStrategy'.slice(at + 1)}`
      expect(nearest(wrong, KNOWN)).toBe('runStrategy')
    }),
  )
})

test('an absurd name costs nothing', () => expect(nearest('x'.repeat(1_000_000), KNOWN)).toBeUndefined())
