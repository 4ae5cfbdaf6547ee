import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Kept } from '../../src/host/machine/context.ts'
import { journalFile } from '../../src/host/machine/journal-file.ts'
import { cutConsole, longestConsole } from '../../src/host/machine/logs.ts'
import { type Runtime, runtimeOf } from '../../src/host/machine/runtime.ts'
import { hostWorld } from './host-world.ts'

const world = hostWorld()
let folder: string
let runtime: Runtime

beforeEach(() => {
  folder = mkdtempSync('/tmp/moorage-logs-')
  runtime = runtimeOf(folder, 'one')
  mkdirSync(runtime.directory, { recursive: true })
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

test('a console log that has grown too long is cut, and its end is kept', async () => {
  const kept = { runtime } as Kept
  writeFileSync(runtime.console, 'x'.repeat(longestConsole))
  await cutConsole(world, kept)
  expect(statSync(runtime.console).size).toBe(longestConsole)
  writeFileSync(runtime.console, 'the end', { flag: 'a' })
  await cutConsole(world, kept)
  expect(statSync(runtime.console).size).toBe(0)
  expect(statSync(runtime.consoleBefore).size).toBe(512 << 10)
  expect(statSync(runtime.consoleBefore).mode & 0o7777).toBe(0o600)
  expect(readFileSync(runtime.consoleBefore, 'utf8')).toMatch(/^x+the end$/)
})

test('a journal that has grown too long is summed up, and counting goes on, for the next controller too', async () => {
  const reset = (second: number) =>
    `{"timestamp": {"seconds": ${second}, "microseconds": 0}, "event": "RESET", "data": {"guest": true}}\r\n`
  const journal = journalFile(world.files, runtime)
  expect(await journal.read()).toMatchObject({ resets: 0, ran: false })
  const text = Array.from({ length: 5000 }, (_, index) => reset(index + 1)).join('')
  writeFileSync(runtime.journal, `{"timestamp": {"seconds": 0, "microseconds": 9}, "event": "RESUME"}\r\n${text}`)
  expect(await Promise.all([journal.read(), journal.read()])).toMatchObject([{ resets: 5000 }, { resets: 5000 }])
  expect(statSync(runtime.journal).size).toBe(0)
  writeFileSync(runtime.journal, reset(5000) + reset(6000), { flag: 'a' })
  expect(await journal.read()).toMatchObject({ resets: 5001, ran: true })
  expect(await journalFile(world.files, runtime).read()).toMatchObject({ resets: 5001, ran: true })
})
