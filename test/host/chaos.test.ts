import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkout } from '../setup/paths.mjs'
import { moorageBundle } from './stage-guest.ts'

/** Runs of `npm run chaos` with seeds that stay the same; it alone does more of them. */
const runs = 5

test(`${runs} scenarios in which the controller is killed at random`, async (context) => {
  context.skip(process.getuid?.() !== 0, 'needs root: makes network namespaces and VMs; run it with sudo')
  context.skip(!existsSync('/usr/bin/qemu-system-x86_64'), 'needs QEMU; apt install qemu-system-x86')
  context.skip(!existsSync(moorageBundle), `needs ${moorageBundle}; run: npm run build`)
  const script = `import { chaos } from './test/setup/chaos.mjs'; process.exitCode = await chaos(process.argv.slice(1))`
  const args = ['--input-type=module', '-e', script, '--', '--runs', String(runs), '--seed', '1', '--json']
  const { code, said } = await output(process.execPath, args)
  console.log(said.trimEnd())
  expect(code, said).toBe(0)
  const figures = JSON.parse(said.trimEnd().split('\n').at(-1) ?? '')
  expect(figures).toMatchObject({ runs, violations: [] })
  expect(figures.kills).toBeGreaterThanOrEqual(2 * runs)
  expect(figures.looks).toBeGreaterThan(100)
})

function output(program: string, args: readonly string[]): Promise<{ code: number | null; said: string }> {
  return new Promise((done, fail) => {
    const child = spawn(program, args, { cwd: join(checkout), stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    child.on('error', fail)
    child.on('close', (code) => done({ code, said }))
  })
}
