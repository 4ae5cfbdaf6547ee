// @ts-check
/** `npm run sim`: builds the simulation and runs it. */
import { join } from 'node:path'
import { build } from './build.mjs'
import { cache, checkout } from './paths.mjs'
import { run, script } from './run.mjs'
import { ensurePackages } from './setup.mjs'

/** @param {string} entry below test/sim @returns {Promise<string>} the file to run */
export async function buildSim(entry) {
  const outfile = join(cache, 'sim', entry.replaceAll('/', '-').replace(/\.ts$/, '.mjs'))
  await build({ entry: join(checkout, 'test/sim', entry), outfile })
  return outfile
}

/** @param {readonly string[]} args @returns {Promise<number>} exit code */
export async function runSim(args) {
  return run([process.execPath, await buildSim('main.ts'), ...args])
}

if (process.argv[1] === import.meta.filename) {
  await script('sim', async () => {
    await ensurePackages()
    return runSim(process.argv.slice(2))
  })
}
