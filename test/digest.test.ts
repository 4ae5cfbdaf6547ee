import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonical, digest } from '../src/digest.ts'

/** As it was written first: what stands in ledgers was made with it. */
function reference(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

const values = fc.anything({
  key: fc.oneof(fc.string({ unit: 'binary', maxLength: 4 }), fc.nat(12).map(String), fc.constant('__proto__')),
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withSparseArray: true,
})

test('the text is the one that JSON gives for keys in order, byte for byte', () => {
  fc.assert(
    fc.property(values, (value) => {
      expect(canonical(value)).toBe(reference(value))
    }),
    { numRuns: 2000 },
  )
})

test('equal values have equal digests, whatever the order of their keys', () => {
  const one = { b: [1, { d: 'x', c: null }], 10: 'ten', 9: 'nine', a: undefined }
  const other = { 9: 'nine', 10: 'ten', b: [1, { c: null, d: 'x' }] }
  expect(digest(one)).toBe(digest(other))
  expect(canonical(one)).toBe('{"9":"nine","10":"ten","b":[1,{"c":null,"d":"x"}]}')
  expect(digest({ a: 1 })).toBe('015abd7f5cc57a2d')
})
