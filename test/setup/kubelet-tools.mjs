// @ts-check
/** What a node runs, built by Go: kubelet and kube-proxy of the control plane's version, containerd, a device plugin and a pause program. */
import { join } from 'node:path'
import { ensureGoTools } from './go-tools.mjs'
import { ensureNodeTools } from './kubernetes-tools.mjs'
import { checkout } from './paths.mjs'

const containerd = 'github.com/containerd/containerd/v2/cmd'

const packages = {
  containerd: `${containerd}/containerd`,
  'containerd-shim-runc-v2': `${containerd}/containerd-shim-runc-v2`,
  ctr: `${containerd}/ctr`,
  devices: './devices',
  pause: './pause',
}

/**
 * Paths by name; built when they are not there yet, which takes some ten minutes of two processors once.
 *
 * @returns {Promise<import('./kubernetes-tools.mjs').NodeTools & Record<keyof typeof packages, string>>}
 */
export async function ensureKubelet() {
  const ours = await ensureNodeTools()
  const folder = await ensureGoTools({ module: join(checkout, 'test/kubelet'), folder: 'containerd', packages })
  const names = /** @type {(keyof typeof packages)[]} */ (Object.keys(packages))
  const paths = Object.fromEntries(names.map((name) => [name, join(folder, name)]))
  return { ...ours, .../** @type {Record<keyof typeof packages, string>} */ (paths) }
}
