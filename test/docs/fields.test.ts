import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { renderFields } from './fields.ts'

const path = join(import.meta.dirname, '../../docs/fields.md')

test('docs/fields.md is what the schemas say', () => {
  const text = renderFields()
  if (process.env.UPDATE) writeFileSync(path, text)
  expect(readFileSync(path, 'utf8')).toBe(text)
})
