// @ts-check
/** Programs that Go builds from a go.mod of this repository, once, and keeps in the cache. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cache } from './paths.mjs'
import { run } from './run.mjs'

/**
 * @typedef {object} GoTools
 * @property {string} module the folder of go.mod, which lists the packages as tools
 * @property {string} folder of the cache, in which there is one for each state of go.mod and go.sum
 * @property {Readonly<Record<string, string>>} packages of each program, by its name
 * @property {string} [ldflags] of the linker, besides that it leaves out symbols
 */

/**
 * Where they are; built when they are not there yet, which takes minutes once.
 *
 * @param {GoTools} tools
 * @returns {Promise<string>} a folder with each program by its name
 * @throws the compiler's message when they cannot be built
 */
export async function ensureGoTools({ module, folder, packages, ldflags = '' }) {
  const sums = ['go.mod', 'go.sum'].map((name) => readFileSync(join(module, name)))
  const digest = createHash('sha256').update(Buffer.concat(sums)).digest('hex').slice(0, 12)
  const whole = join(cache, folder, digest)
  if (existsSync(whole)) return whole
  const fresh = `${whole}.${process.pid}`
  console.log(`setup: building ${Object.keys(packages).join(', ')} with Go in ${whole}, minutes`)
  mkdirSync(fresh, { recursive: true })
  try {
    const env = { GOFLAGS: '-mod=readonly', CGO_ENABLED: '0' }
    const flags = ['-C', module, '-trimpath', '-ldflags', `-s -w ${ldflags}`]
    const argv = ['nice', '-n', '19', 'go', 'build', ...flags, '-o', `${fresh}/`, ...Object.values(packages)]
    await run(argv, { minutes: 40, quiet: true, env })
    for (const [name, one] of Object.entries(packages)) {
      const built = /** @type {string} */ (one.split('/').findLast((word) => !/^v\d+$/.test(word)))
      if (built !== name) renameSync(join(fresh, built), join(fresh, name))
    }
    renameSync(fresh, whole)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  return whole
}
