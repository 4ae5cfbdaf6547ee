// @ts-check
/** `npm run bench`: sets up, then runs test/bench/bench.mjs. */
import { join } from 'node:path'
import { checkout } from './paths.mjs'
import { run, script } from './run.mjs'
import { ensureBuild, ensureGuest, ensureNode, ensurePackages } from './setup.mjs'

await script('bench', async () => {
  await ensurePackages()
  await ensureNode()
  await ensureBuild()
  const guest = await ensureGuest()
  const bench = join(checkout, 'test/bench/bench.mjs')
  return run([process.execPath, bench, ...process.argv.slice(2)], { minutes: 120, env: { MOORAGE_GUEST: guest } })
})
