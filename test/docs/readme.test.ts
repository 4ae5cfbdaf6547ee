import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { KINDS } from '../../src/api/kinds.ts'
import { entries } from '../../src/cli/commands.ts'
import { configSchema } from '../../src/controller/config.ts'

const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8')

test('the README names every command, and no other', () => {
  const named = [...readme.matchAll(/^\| `moorage (\w+)` \|/gm)].map((match) => match[1])
  expect(named.sort()).toEqual(
    entries
      .map(({ name }) => name)
      .filter((name) => !name.startsWith('_'))
      .sort(),
  )
})

test('the README names every kind', () => {
  for (const { kind } of KINDS) expect(readme).toContain(`\`${kind}\``)
})

test('the README shows every setting', () => {
  for (const name of Object.keys(configSchema.shape)) expect(readme).toMatch(new RegExp(`^(# )?${name}:`, 'm'))
})
