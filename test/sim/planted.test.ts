import { expect, test } from 'vitest'
import { checkout } from '../setup/paths.mjs'
import { bugs } from './planted/bugs.ts'
import { occurrences } from './planted/build.ts'

test('every planted bug has its one place in the code', () => {
  expect(bugs.length).toBeGreaterThan(150)
  expect(bugs.filter((bug) => occurrences(checkout, bug) !== 1).map(({ name }) => name)).toEqual([])
})
