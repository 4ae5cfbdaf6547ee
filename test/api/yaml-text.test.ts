import { expect, test } from 'vitest'
import { parseManifest } from '../../src/api/manifest.ts'
import { parseYaml, TOO_DEEP } from '../../src/api/yaml-text.ts'

const N = 1024 * 1024

// Each of these takes the library alone seconds and hundreds of megabytes, or ends the process.
const HOSTILE: Readonly<Record<string, string>> = {
  'open brackets': '['.repeat(N),
  'open braces': '{'.repeat(N),
  'nested lists': '- '.repeat(N / 2),
  'nested keys': '? '.repeat(N / 2),
  'deep indentation': Array.from({ length: 1400 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
  quotes: '"'.repeat(N),
  escapes: `"${'\\x'.repeat(N / 2 - 1)}"`,
  anchors: '&a '.repeat(N / 3),
  tags: '!a '.repeat(N / 3),
  closing: ']'.repeat(N),
  commas: `[${','.repeat(N - 1)}`,
  directives: '%a b\n'.repeat(N / 5),
  separators: '---\n'.repeat(N / 4),
  'many keys': Array.from({ length: 130_000 }, (_, index) => `k${index}:`)
    .join('\n')
    .slice(0, N),
  'one key': 'a:\n'.repeat(N / 3),
  'doubling aliases': Array.from(
    { length: 40 },
    (_, i) => `a${i}: &a${i} [${i > 0 ? `*a${i - 1}, *a${i - 1}` : ''}]`,
  ).join('\n'),
}

for (const [name, text] of Object.entries(HOSTILE)) {
  test(`hostile: ${name}`, { timeout: 20_000 }, () => {
    const problems = parseManifest(text).flatMap((document) => document.problems)
    expect(problems.length).toBeGreaterThan(0)
    expect(problems.length).toBeLessThanOrEqual(1000)
  })
}

test('reading stops after so many errors, though the library offers no way to', () => {
  expect(parseYaml('"'.repeat(1000)).refused?.message).toBe('the file has too many errors: is it YAML?')
  expect(parseYaml(']'.repeat(1000)).refused?.message).toBe('the file has too many errors: is it YAML?')
  expect(parseYaml(HOSTILE.escapes ?? '').refused?.offset).toBeLessThan(1000)
})

test('what is legal up to the bounds is read', () => {
  const value = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
  const said = (depth: number) => parseManifest(value(depth))[0]?.problems[0]?.message
  expect(said(32)).toContain('must be a mapping')
  for (const depth of [33, 34, 35, 36, 100]) expect(said(depth)).toBe(TOO_DEEP)
  expect(parseYaml('#'.repeat(N)).refused).toBeUndefined()
  expect(parseYaml(`#${'é'.repeat(N / 2)}`).refused?.message).toContain('1 MiB')
  expect(parseYaml('a: 1\n---\n'.repeat(999)).documents).toHaveLength(1000)
})
