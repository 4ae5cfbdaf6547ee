// @ts-check
/** `npm run chaos`: sets up, then runs test/chaos in namespaces that end with it; nothing of the host changes. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from './build.mjs'
import { bundle, checkout } from './paths.mjs'
import { run, script } from './run.mjs'
import { ensureBuild, ensureNode, ensurePackages } from './setup.mjs'

/** Process 1 of the namespace takes along what others leave behind: a shell waits for every child. */
const unshare = [
  ...['setpriv', '--pdeathsig', 'KILL'],
  ...['unshare', '--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc'],
  ...['sh', '-c', '"$@"; exit $?', 'sh'],
]

/**
 * Runs the tool with these arguments; dist/moorage.js must be there.
 *
 * @param {readonly string[]} args
 * @returns {Promise<number>} its exit code
 */
export async function chaos(args) {
  const folder = mkdtempSync('/tmp/mc-')
  try {
    // It reads beside itself what test/host/stage-guest.ts reads beside itself.
    await build({ entry: join(checkout, 'test/chaos/main.ts'), outfile: join(folder, 'chaos.mjs') })
    copyFileSync(join(checkout, 'test/host/stage-init.sh'), join(folder, 'stage-init.sh'))
    // One and the same from the first run to the last, whoever builds meanwhile.
    copyFileSync(process.env.MOORAGE_BUNDLE ?? bundle, join(folder, 'moorage.js'))
    const env = { MOORAGE_CACHE: folder, MOORAGE_BUNDLE: join(folder, 'moorage.js') }
    return await run([...unshare, process.execPath, join(folder, 'chaos.mjs'), ...args], { env, minutes: 180 })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[1] === import.meta.filename) {
  await script('chaos', async () => {
    if (process.getuid?.() !== 0) throw new Error('network namespaces take root; run: sudo npm run chaos')
    await ensurePackages()
    await ensureNode()
    await ensureBuild()
    return chaos(process.argv.slice(2))
  })
}
