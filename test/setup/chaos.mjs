// @ts-check
/** `npm run chaos`: sets up, then runs test/chaos in namespaces that end with it; nothing of the host changes. */
import { mkdtempSync, rmSync } from 'node:fs'
import { run, script } from './run.mjs'
import { ensureBuild, ensureNode, ensurePackages } from './setup.mjs'
import { buildTool } from './tool.mjs'

/** Process 1 of the namespace takes along what others leave behind: a shell waits for every child. */
const unshare = [
  ...['setpriv', '--pdeathsig', 'KILL'],
  ...['unshare', '--net', '--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc'],
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
    const { file, env } = await buildTool('test/chaos/main.ts', folder, { kubernetes: args.includes('--kubernetes') })
    return await run([...unshare, process.execPath, file, ...args], { env, minutes: 180 })
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
