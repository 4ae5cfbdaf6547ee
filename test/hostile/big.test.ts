import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seed, tell } from './chance.ts'

/** Megabytes of heap within which any manifest must be read. */
const heap = 384

/** Milliseconds of processor, and of patience until a case counts as hanging: the machine may be busy. */
const most = 1000
const patience = 15_000

/** One of so many cases is tried; all of them with `HOSTILE_TIMES=6`. */
const share = Math.max(1, Math.round(6 / Number(process.env.HOSTILE_TIMES ?? 1)))

interface Answer {
  readonly end?: number
  readonly ms: number
  readonly start: string
}

let folder = ''
const children: ChildProcess[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'moorage-hostile-'))
  await build({
    entryPoints: [join(import.meta.dirname, 'big.ts')],
    outfile: join(folder, 'big.mjs'),
    ...({ bundle: true, platform: 'node', format: 'esm', logLevel: 'error' } as const),
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  })
})

afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

/** A reader with a bounded heap. It answers a case, or says why it never will. */
function reader(): { ask(at: number): Promise<Answer | string> } {
  const child = spawn(process.execPath, [`--max-old-space-size=${heap}`, join(folder, 'big.mjs')], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  children.push(child)
  const lines = createInterface({ input: child.stdout! })
  const ended = once(child, 'exit').then(() => `needs more than ${heap} MB of heap, or hangs`)
  return {
    async ask(at) {
      const hangs = setTimeout(() => child.kill('SIGKILL'), patience)
      child.stdin!.write(`${at}\n`)
      const answer = await Promise.race([once(lines, 'line').then(([line]) => JSON.parse(line) as Answer), ended])
      clearTimeout(hangs)
      return answer
    },
  }
}

describe('manifests of a megabyte', () => {
  test('are read or refused within a second and within bounded memory', { timeout: 600_000 }, async () => {
    const bad: string[] = []
    let [cases, slowest] = [0, 0]
    let now = reader()
    for (let at = seed % share; ; at += share) {
      const answer = await now.ask(at)
      if (typeof answer === 'string') {
        bad.push(`case ${at} ${answer}`)
        now = reader()
        continue
      }
      if (answer.end !== undefined) break
      cases += 1
      slowest = Math.max(slowest, answer.ms)
      if (answer.ms >= most) bad.push(`case ${at} took ${answer.ms} ms: ${answer.start}`)
    }
    tell('manifests of a megabyte', { cases, 'slowest ms': slowest })
    expect(bad).toEqual([])
    expect(cases).toBeGreaterThan(100)
  })
})
