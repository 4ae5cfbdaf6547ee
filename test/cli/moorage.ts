import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'

/** What one invocation came to. */
export interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** A bundle of the command line, built for one test file, in a folder that is gone afterwards. */
export function bundled() {
  let folder = ''
  let bundle = ''
  beforeAll(async () => {
    // Short: a unix socket goes below it.
    folder = mkdtempSync(join(tmpdir(), 'mcli-'))
    bundle = join(folder, 'moorage.js')
    // As `npm run build` does it; a script without types, so it is told what it is.
    const { href } = new URL('../setup/build.mjs', import.meta.url)
    const { build } = (await import(href)) as { build(options: { outfile: string }): Promise<void> }
    await build({ outfile: bundle })
  }, 60_000)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const run = (args: readonly string[], { input = '', env = {} }: { input?: string; env?: NodeJS.ProcessEnv } = {}) =>
    new Promise<Ran>((resolve, reject) => {
      const child = spawn(process.execPath, [bundle, ...args], { cwd: folder, env: { ...process.env, ...env } })
      const seen = { out: '', err: '' }
      child.stdout.on('data', (piece) => (seen.out += piece))
      child.stderr.on('data', (piece) => (seen.err += piece))
      child.on('error', reject)
      child.on('close', (code) => resolve({ code, ...seen }))
      child.stdin.on('error', () => {})
      child.stdin.end(input)
    })
  return {
    run,
    get folder() {
      return folder
    },
    get bundle() {
      return bundle
    },
  }
}
