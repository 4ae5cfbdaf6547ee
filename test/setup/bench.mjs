// @ts-check
/** `npm run bench`: sets up, then runs test/bench in namespaces that end with it; nothing of the host changes. */
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cache, checkout } from './paths.mjs'
import { run, script } from './run.mjs'
import { ensureBuild, ensureNode, ensurePackages } from './setup.mjs'
import { buildTool } from './tool.mjs'

const source = join(checkout, 'test/bench')
const bare = join(cache, 'bench/bare')

/** A C compiler, for the bare reference alone. */
async function ensureCompiler() {
  const there = (process.env.PATH ?? '').split(':').some((folder) => {
    try {
      accessSync(join(folder, 'cc'), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
  if (there) return
  console.log('setup: installing gcc (compiles the bare reference that everything is compared with) with apt-get')
  const apt = ['apt-get', '-qq', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3']
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  await run([...apt, 'update'], { minutes: 10, quiet: true, env })
  await run([...apt, 'install', '--yes', '--no-install-recommends', 'gcc', 'libc6-dev'], {
    minutes: 20,
    quiet: true,
    env,
  })
}

await script('bench', async () => {
  if (process.getuid?.() !== 0) throw new Error('network namespaces take root; run: sudo npm run bench')
  await ensurePackages()
  await ensureCompiler()
  await ensureNode()
  await ensureBuild()
  mkdirSync(join(cache, 'bench'), { recursive: true })
  await run(['cc', '-O2', '-Wall', '-o', bare, join(source, 'bare.c')], { minutes: 5, quiet: true })
  const folder = mkdtempSync('/tmp/mb-')
  try {
    const unshare = ['unshare', '--net', '--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child']
    // What is not asked for needs no control plane.
    const only = process.argv.slice(2)
    const kubernetes = !only.includes('--only') || only.includes('kubernetes')
    const { file, env } = await buildTool('test/bench/main.ts', folder, { kubernetes })
    const where = ['--folder', folder, '--bare', bare, '--moorage', env.MOORAGE_BUNDLE ?? '']
    const inside = [bare, 'init', process.execPath, file, ...where, ...only]
    return await run([...unshare, '--mount-proc', ...inside], { env, minutes: 120 })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
