// @ts-check
/** The programs of a real control plane: those of `KUBEBUILDER_ASSETS`, or built by Go from test/kubernetes/go.mod. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cache, checkout } from './paths.mjs'
import { run } from './run.mjs'

/** @typedef {{ etcd: string, 'kube-apiserver': string, 'kube-controller-manager': string, kubectl: string }} Tools paths */

const module = join(checkout, 'test/kubernetes')
const names = /** @type {const} */ (['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'])

/** Its own packages are stamped with a version by the linker only; kubectl reads it. */
const stamp = 'k8s.io/component-base/version'

/**
 * Where they are; built when they are not there yet, which takes minutes once.
 *
 * @returns {Promise<Tools>}
 * @throws one sentence when they can be had in neither way
 */
export async function ensureKubernetes() {
  const given = process.env.KUBEBUILDER_ASSETS
  if (given) return toolsIn(given, `KUBEBUILDER_ASSETS is ${given}, and`)
  const sums = ['go.mod', 'go.sum'].map((name) => readFileSync(join(module, name)))
  const digest = createHash('sha256').update(Buffer.concat(sums)).digest('hex').slice(0, 12)
  const folder = join(cache, 'kubernetes', digest)
  if (!existsSync(folder)) await buildInto(folder)
  return toolsIn(folder, `${folder} is damaged: remove it;`)
}

/** @param {string} folder @param {string} why @returns {Tools} */
function toolsIn(folder, why) {
  for (const name of names) {
    if (!existsSync(join(folder, name))) throw new Error(`${why} there is no ${name} in it`)
  }
  return /** @type {Tools} */ (Object.fromEntries(names.map((name) => [name, join(folder, name)])))
}

/** @param {string} folder appears whole or not at all */
async function buildInto(folder) {
  const fresh = `${folder}.${process.pid}`
  console.log(`setup: building kube-apiserver, kube-controller-manager, kubectl and etcd with Go in ${folder}, minutes`)
  mkdirSync(fresh, { recursive: true })
  try {
    const version = readFileSync(join(module, 'go.mod'), 'utf8').match(/k8s\.io\/kubernetes v(1\.(\d+)\.\d+)/)
    if (version === null) throw new Error(`${module}/go.mod names no k8s.io/kubernetes`)
    const flags = [`gitVersion=v${version[1]}`, 'gitMajor=1', `gitMinor=${version[2]}`]
    const linker = ['-s', '-w', ...flags.flatMap((flag) => ['-X', `${stamp}.${flag}`])].join(' ')
    const build = ['build', '-C', module, '-trimpath', '-ldflags', linker, '-o', `${fresh}/`, 'tool']
    await run(['nice', '-n', '19', 'go', ...build], {
      minutes: 40,
      quiet: true,
      env: { GOFLAGS: '-mod=readonly' },
    }).catch((error) => {
      const hint = 'install Go 1.26, or set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver and kubectl'
      throw new Error(`the control plane could not be built (${hint}): ${error.message}`)
    })
    renameSync(join(fresh, 'server'), join(fresh, 'etcd'))
    renameSync(fresh, folder)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}
