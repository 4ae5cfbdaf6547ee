import { describe, expect, test } from 'vitest'
import { parseManifest } from '../../src/api/manifest.ts'
import { type BadInput, OBJECT_FAULTS, OTHER_FAULTS, VM_FAULTS, YAML_FAULTS } from './bad-input.cases.ts'

const GROUPS: readonly (readonly [name: string, rows: readonly BadInput[]])[] = [
  ['YAML', YAML_FAULTS],
  ['objects', OBJECT_FAULTS],
  ['fields of a MicroVM', VM_FAULTS],
  ['fields of other kinds', OTHER_FAULTS],
]

/** Every problem of a manifest as `line:column sentence`, one a line. */
function said(text: string): string {
  const problems = parseManifest(text).flatMap((document) => document.problems)
  return problems.map(({ line, column, message }) => `${line}:${column} ${message}`).join('\n')
}

for (const [name, rows] of GROUPS) {
  describe(`bad input: ${name}`, () => {
    for (const [text, expected] of rows) {
      test(expected.slice(0, 120), () => expect(said(text)).toBe(expected))
    }
  })
}

test('a bad manifest gives no object', () => {
  const texts = GROUPS.flatMap(([, rows]) => rows.map(([text]) => text))
  expect(texts.length).toBeGreaterThanOrEqual(60)
  for (const text of texts) {
    for (const { object, problems } of parseManifest(text)) expect(object === undefined).toBe(problems.length > 0)
  }
})

test('no sentence holds a value that may be a secret', () => {
  const texts = GROUPS.flatMap(([, rows]) => rows.map(([text]) => text)).filter((text) => text.includes('hunter2'))
  expect(texts.length).toBeGreaterThan(5)
  for (const text of texts)
    expect(JSON.stringify(parseManifest(text).map(({ problems }) => problems))).not.toContain('hunter2')
})
