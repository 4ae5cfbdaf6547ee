// @ts-check
import { copyFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build } from './build.mjs'
import { ensureKubernetes } from './kubernetes-tools.mjs'
import { bundle, checkout } from './paths.mjs'

/**
 * Bundles a tool that stages real controllers, and puts beside it the command line and what else it reads there; one and the
 * same from its first run to its last, whoever builds meanwhile. dist/moorage.js must be there.
 *
 * @param {string} entry below the checkout
 * @param {string} folder
 * @param {{ kubernetes: boolean }} needs whether it starts a control plane
 * @returns {Promise<{ file: string, env: Record<string, string> }>} the tool, and what has to be in its environment
 */
export async function buildTool(entry, folder, { kubernetes }) {
  const file = join(folder, 'tool.mjs')
  await build({ entry: join(checkout, entry), outfile: file })
  copyFileSync(join(checkout, 'test/host/stage-init.sh'), join(folder, 'stage-init.sh'))
  const from = dirname(process.env.MOORAGE_BUNDLE ?? bundle)
  for (const name of ['moorage.js', 'moorage-kubeconfig.js']) copyFileSync(join(from, name), join(folder, name))
  // Its cache is that folder, for the guest; what is kept of the control plane is in the real one.
  const tools = kubernetes ? { KUBEBUILDER_ASSETS: dirname((await ensureKubernetes()).etcd) } : {}
  const where = { MOORAGE_CACHE: folder, MOORAGE_BUNDLE: join(folder, 'moorage.js'), MOORAGE_CHECKOUT: checkout }
  return { file, env: { ...where, ...tools } }
}
