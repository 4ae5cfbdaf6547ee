// @ts-check
/** The programs of a real control plane: those of `KUBEBUILDER_ASSETS`, or built by Go from test/kubernetes/go.mod. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureGoTools } from './go-tools.mjs'
import { checkout } from './paths.mjs'

/** @typedef {{ etcd: string, 'kube-apiserver': string, 'kube-controller-manager': string, kubectl: string }} Tools paths */

/** What runs pods besides. @typedef {{ kubelet: string, 'kube-proxy': string, 'kube-scheduler': string }} NodeTools paths */

const module = join(checkout, 'test/kubernetes')
const kubernetes = 'k8s.io/kubernetes/cmd'

const packages = {
  etcd: 'go.etcd.io/etcd/server/v3',
  'kube-apiserver': `${kubernetes}/kube-apiserver`,
  'kube-controller-manager': `${kubernetes}/kube-controller-manager`,
  kubectl: `${kubernetes}/kubectl`,
}

const nodePackages = {
  kubelet: `${kubernetes}/kubelet`,
  'kube-proxy': `${kubernetes}/kube-proxy`,
  'kube-scheduler': `${kubernetes}/kube-scheduler`,
}

/**
 * Where they are; built when they are not there yet, which takes minutes once.
 *
 * @returns {Promise<Tools>}
 * @throws one sentence when they can be had in neither way
 */
export async function ensureKubernetes() {
  const given = process.env.KUBEBUILDER_ASSETS
  if (given) return toolsIn(given, packages, `KUBEBUILDER_ASSETS is ${given}, and`)
  const folder = await built(
    'kubernetes',
    packages,
    'install Go 1.26, or set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver and kubectl',
  )
  return toolsIn(folder, packages, `${folder} is damaged: remove it;`)
}

/**
 * As {@link ensureKubernetes}; always built.
 *
 * @returns {Promise<NodeTools>}
 */
export async function ensureNodeTools() {
  const folder = await built('kubernetes-node', nodePackages, 'install Go 1.26')
  return toolsIn(folder, nodePackages, `${folder} is damaged: remove it;`)
}

/** @param {string} folder @param {Readonly<Record<string, string>>} packages @param {string} hint */
async function built(folder, packages, hint) {
  const version = readFileSync(join(module, 'go.mod'), 'utf8').match(/k8s\.io\/kubernetes v(1\.(\d+)\.\d+)/)
  if (version === null) throw new Error(`${module}/go.mod names no k8s.io/kubernetes`)
  // Its own packages are stamped with a version by the linker only; kubectl and the scheduler read it.
  const stamps = [`gitVersion=v${version[1]}`, 'gitMajor=1', `gitMinor=${version[2]}`]
  const ldflags = stamps.map((stamp) => `-X k8s.io/component-base/version.${stamp}`).join(' ')
  return ensureGoTools({ module, folder, packages, ldflags }).catch((error) => {
    throw new Error(`the programs of Kubernetes could not be built (${hint}): ${error.message}`)
  })
}

/**
 * @template {string} Name
 * @param {string} folder
 * @param {Readonly<Record<Name, string>>} packages
 * @param {string} why
 * @returns {Record<Name, string>}
 */
function toolsIn(folder, packages, why) {
  const names = /** @type {Name[]} */ (Object.keys(packages))
  for (const name of names) {
    if (!existsSync(join(folder, name))) throw new Error(`${why} there is no ${name} in it`)
  }
  return /** @type {Record<Name, string>} */ (Object.fromEntries(names.map((name) => [name, join(folder, name)])))
}
