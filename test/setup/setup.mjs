// @ts-check
/** Makes a bare Debian with Node and git ready. Each step says what it does, and takes milliseconds once it is done. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { build } from './build.mjs'
import { bundle, cache, checkout } from './paths.mjs'
import { run } from './run.mjs'

export { ensurePackages } from './packages.mjs'

/** @param {string} path @returns {number} when it changed, in ms; 0 when it is not there */
const changed = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

/** Installs the npm packages of the lock file when they are missing or older than it. */
export async function ensureNode() {
  const installed = changed(join(checkout, 'node_modules/.package-lock.json'))
  if (installed >= changed(join(checkout, 'package-lock.json'))) return
  console.log('setup: installing the npm packages of package-lock.json')
  await run(['npm', 'ci', '--no-audit', '--no-fund'], { minutes: 10, quiet: true })
}

/** Bundles `src` into dist/moorage.js when it is newer. Needs the npm packages. */
export async function ensureBuild() {
  const sources = readdirSync(join(checkout, 'src'), { recursive: true, encoding: 'utf8' }).map((name) => `src/${name}`)
  const inputs = ['src', ...sources, 'package.json', 'package-lock.json', 'test/setup/build.mjs']
  const newest = Math.max(...inputs.map((name) => changed(join(checkout, name))))
  if (changed(bundle) > newest) return
  console.log('setup: building dist/moorage.js')
  await build()
}

/**
 * Builds the guest image unless it is there and made of the present examples/guest.
 * @returns {Promise<string>} the folder with vmlinuz, initrd and root.erofs
 */
export async function ensureGuest() {
  const guest = join(cache, 'guest')
  if (!existsSync(guest)) console.log(`setup: building a Debian guest in ${guest}, about a minute`)
  const code = await run([join(checkout, 'examples/guest/build'), guest], { minutes: 40 })
  if (code !== 0) throw new Error(`the guest image was not built; what examples/guest/build says is above`)
  return guest
}
