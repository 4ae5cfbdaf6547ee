import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesOf, formatQuantity, parseQuantity, quantity } from '../../src/api/quantity.ts'

const KNOWN: readonly (readonly [text: string | number, bytes: bigint | undefined])[] = [
  ['0', 0n],
  [512, 512n],
  ['512', 512n],
  ['1k', 1000n],
  ['1Ki', 1024n],
  ['1M', 1_000_000n],
  ['512Mi', 536_870_912n],
  ['1.5Gi', 1_610_612_736n],
  ['0.5Ki', 512n],
  ['1e9', 1_000_000_000n],
  ['1.5e3', 1500n],
  ['2E1', 20n],
  ['2E', 2_000_000_000_000_000_000n],
  ['8Ei', 9_223_372_036_854_775_808n],
  ['007Ki', 7168n],
  ['0.3Ki', undefined],
  ['100m', undefined],
  ['1e-3', undefined],
  ['-1', undefined],
  ['+1', undefined],
  ['1KI', undefined],
  ['1K', undefined],
  ['1 Gi', undefined],
  ['.5Gi', undefined],
  ['1.', undefined],
  ['Gi', undefined],
  ['', undefined],
  ['1Gi\n', undefined],
  [1.5, undefined],
  [-1, undefined],
  [Number.NaN, undefined],
  [2 ** 53, undefined],
]

describe('quantities', () => {
  for (const [text, bytes] of KNOWN) {
    test(`${JSON.stringify(text)} is ${bytes ?? 'none'}`, () => expect(parseQuantity(text)).toBe(bytes))
  }

  test('what is formatted reads back as the same bytes', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 62n }), fc.nat(60), (number, shift) => {
        const bytes = (number >> BigInt(shift)) << BigInt(shift)
        expect(parseQuantity(formatQuantity(bytes))).toBe(bytes)
      }),
    )
  })

  test('the format is the shortest with a binary suffix', () => {
    expect([0, 1000, 1024, 1_073_741_824, 1_610_612_736].map(formatQuantity)).toEqual([
      '0',
      '1000',
      '1Ki',
      '1Gi',
      '1536Mi',
    ])
  })

  test('a suffix multiplies', () => {
    const suffixes = fc.constantFrom(
      ...'Ki Mi Gi Ti Pi Ei'.split(' ').map((name, index) => [name, 1024n ** BigInt(index + 1)] as const),
    )
    fc.assert(
      fc.property(fc.nat(), suffixes, (number, [name, factor]) => {
        expect(parseQuantity(`${number}${name}`)).toBe(BigInt(number) * factor)
      }),
    )
  })

  test('any text is a number of bytes or none, and whatever the schema takes has bytes', () => {
    const schema = quantity({ min: '1', max: '1Pi' })
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9]{1,4}([.][0-9]{1,3})?[KMGTPEikm]{0,2}$/), fc.double())
    fc.assert(
      fc.property(text, (value) => {
        const bytes = parseQuantity(value)
        expect(schema.safeParse(value).success).toBe(bytes !== undefined && bytes >= 1n && bytes <= 2n ** 50n)
        if (schema.safeParse(value).success) expect(BigInt(bytesOf(value))).toBe(bytes)
      }),
      { numRuns: 1000 },
    )
  })

  test('the bounds themselves are inside', () => {
    const schema = quantity({ min: '1Ki', max: '1Mi' })
    const good = ['1Ki', '1024', 1024, '1Mi', 1_048_576].filter((value) => schema.safeParse(value).success)
    const bad = ['1023', 1023, '1048577', 1_048_577, 0].filter((value) => schema.safeParse(value).success)
    expect([good.length, bad]).toEqual([5, []])
  })

  test('bytesOf refuses in a sentence', () => {
    expect(() => bytesOf('8Ei')).toThrow('"8Ei" is not a number of bytes below 2^53: write it like 512Mi')
  })
})
