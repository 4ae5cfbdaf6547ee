// @ts-check
/**
 * `npm run kubelet`: manifests/ under a real kubelet, in a node that QEMU emulates, on a real control plane. The first time it
 * builds kubelet, containerd, the image of manifests/Containerfile and the disk of a node.
 */
import { ensureNodeDisk } from './kubelet-disk.mjs'
import { ensureKubernetes } from './kubernetes-tools.mjs'
import { script } from './run.mjs'
import { ensureNode, ensurePackages } from './setup.mjs'
import { runSuite } from './suite.mjs'

await script('kubelet', async () => {
  if (process.getuid?.() !== 0) throw new Error('namespaces, mounts and a node take root; run: sudo npm run kubelet')
  await ensurePackages()
  await ensureNode()
  await ensureKubernetes()
  const node = await ensureNodeDisk()
  const { passed, failed, skipped } = await runSuite(['kubelet'], process.execPath, {
    MOORAGE_NODE: JSON.stringify(node),
  })
  console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  return failed > 0 ? 1 : 0
})
