// @ts-check
/** `npm start`: sets up, then runs the demonstration in a network and mount namespace that ends with it. */
import { join } from 'node:path'
import { checkout } from './paths.mjs'
import { run, script } from './run.mjs'
import { ensureBuild, ensureGuest, ensureNode, ensurePackages } from './setup.mjs'

const inside = '--inside'
const demo = join(checkout, 'test/setup/demo.mjs')
const args = process.argv.slice(2)

if (args[0] === inside) {
  // /sys shows the network interfaces of the namespace that mounted it.
  await run(['mount', '-t', 'sysfs', 'sysfs', '/sys'], { minutes: 1, quiet: true })
  process.argv.splice(1, 2, demo)
  await import(demo)
} else {
  await script('start', async () => {
    await ensurePackages()
    if (process.getuid?.() !== 0) throw new Error('network namespaces take root; run: sudo npm start')
    await ensureNode()
    await ensureBuild()
    const env = { MOORAGE_GUEST: await ensureGuest() }
    const unshare = ['unshare', '--net', '--mount', '--propagation', 'private', process.execPath]
    return run([...unshare, import.meta.filename, inside, ...args], { env })
  })
}
