import fc from 'fast-check'
import { expect, test } from 'vitest'
import { part } from '../../src/world/linux/net/bisect.ts'
import { outcomesOf } from '../../src/world/linux/net/outcome.ts'

test('keeps every good item in order and names every bad one, in few attempts', async () => {
  const lists = fc.uniqueArray(fc.nat(500), { maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(lists, fc.array(fc.nat(500), { maxLength: 4 }), async (items, poison) => {
      const isBad = (item: number) => poison.includes(item)
      let attempts = 0
      const { good, bad } = await part(
        items,
        async (tried) => {
          attempts += 1
          expect(tried).toEqual(items.filter((item) => tried.includes(item)))
          return tried.some(isBad) ? 'bad' : null
        },
        1000,
      )
      expect(good).toEqual(items.filter((item) => !isBad(item)))
      expect([...bad.keys()].sort()).toEqual(items.filter(isBad).sort())
      expect(attempts).toBeLessThanOrEqual(
        1 + 2 * items.filter(isBad).length * Math.ceil(Math.log2(Math.max(items.length, 2))),
      )
    }),
  )
})

test('of two that only clash with each other it keeps the first', async () => {
  const clash = async (tried: readonly string[]) =>
    tried.includes('10/8') && tried.includes('10.1/16') ? 'overlap' : null
  const { good, bad } = await part(['a', '10/8', 'b', '10.1/16', 'c'], clash, 100)
  expect(good).toEqual(['a', '10/8', 'b', 'c'])
  expect(bad).toEqual(new Map([['10.1/16', 'overlap']]))
})

test('gives up what is not yet known to be good after so many attempts', async () => {
  let attempts = 0
  const items = Array.from({ length: 64 }, (_, index) => index)
  const { good, bad } = await part(
    items,
    async (tried) => {
      attempts += 1
      return tried.some((item) => item % 2 === 1) ? 'odd' : null
    },
    20,
  )
  expect(attempts).toBe(20)
  expect(good.every((item) => item % 2 === 0)).toBe(true)
  expect(good.length + bad.size).toBe(64)
  expect(bad.get(63)).toBe('not tried, because too many others were refused')
})

test('an operation holds until it fails, and says its first failure and how many more', () => {
  const outcomes = outcomesOf(3)
  outcomes.fail(1, 'one')
  outcomes.fail(1, 'two')
  outcomes.fail(2, 'three')
  expect(outcomes.list()).toEqual([{ error: null }, { error: 'one (and 1 more)' }, { error: 'three' }])
})
