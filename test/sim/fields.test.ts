import { describe, expect, test } from 'vitest'
import { checkObject } from '../../src/api/check.ts'
import { editsOf } from './fields/edits.ts'
import { differences, held, unready } from './fields/exceptions.ts'
import { amounts, forbidden, leasts, values } from './fields/hints.ts'
import { allFields } from './fields/schema.ts'
import { stringsOf } from './fields/strings.ts'
import { unvaried } from './fields/unvaried.ts'

const fields = allFields()
const paths = fields.map(({ path }) => path)

describe('every field of every kind that users write', () => {
  test.each(fields)('$path is given what it takes and what it does not', (field) => {
    const { valid, invalid } = editsOf(field)
    if (unvaried(field.path) === null) expect(valid.length, 'valid values').toBeGreaterThan(0)
    const isGuarded = unvaried(field.path) === null || !field.path.includes('.metadata.')
    if (isGuarded) expect(invalid.length, 'invalid values').toBeGreaterThan(0)
  })

  test('what is said of fields is said of fields that are there', () => {
    for (const table of [amounts, forbidden, leasts, values])
      for (const path of Object.keys(table)) expect(paths).toContain(path)
    for (const { field } of [...held, ...differences, ...unready])
      expect(
        paths.some((path) => field.test(path)),
        String(field),
      ).toBe(true)
  })

  test('every rule of every schema is broken by some bad value', () => {
    const said = fields
      .flatMap((field) => editsOf(field).invalid)
      .flatMap(({ object }) => {
        const checked = checkObject(structuredClone(object))
        return 'faults' in checked ? checked.faults.map(({ message }) => message) : []
      })
    for (const { path, schema } of fields)
      for (const { message } of schema['x-kubernetes-validations'] ?? [])
        expect(
          said.some((sentence) => sentence.includes(message)),
          `${path} ${message}`,
        ).toBe(true)
  })

  test('a text of a form that nobody has thought of is no field in silence', () => {
    expect(() => stringsOf({ type: 'string', pattern: '^new$', maxLength: 9 }, 'MicroVM.spec.new')).toThrow(
      'MicroVM.spec.new has a pattern without examples: ^new$',
    )
  })
})
