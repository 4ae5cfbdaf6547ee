// @ts-check
/** `npm run sim:planted`: plants bugs in the simulated controller, one at a time, and sees which are caught. */
import { join } from 'node:path'
import { build } from './build.mjs'
import { checkout } from './paths.mjs'
import { run, script } from './run.mjs'
import { ensurePackages } from './setup.mjs'

await script('sim:planted', async () => {
  await ensurePackages()
  // It bundles a simulation for each bug; esbuild itself cannot be bundled, and is found from here.
  const outfile = join(checkout, 'node_modules/.cache/moorage/planted.mjs')
  await build({ entry: join(checkout, 'test/sim/planted/run.ts'), outfile, external: ['esbuild'] })
  return run([process.execPath, outfile, ...process.argv.slice(2)])
})
