// @ts-check
/** `npm run kubernetes`: a real control plane with the CRDs, for a person, until Ctrl-C. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startControlPlane } from '../kubernetes/control-plane.mjs'
import { ensureKubernetes } from './kubernetes-tools.mjs'
import { checkout } from './paths.mjs'
import { run, script } from './run.mjs'
import { ensureBuild, ensureNode } from './setup.mjs'

await script('kubernetes', async () => {
  await ensureNode()
  await ensureBuild()
  const tools = await ensureKubernetes()
  const folder = mkdtempSync(join(tmpdir(), 'moorage-kubernetes-'))
  try {
    console.log('starting etcd, kube-apiserver and kube-controller-manager on loopback')
    const plane = await startControlPlane(tools, join(folder, 'plane'))
    try {
      const kubectl = [tools.kubectl, '--kubeconfig', plane.kubeconfig]
      await run([...kubectl, 'apply', '--server-side', '-f', join(checkout, 'crds')], { minutes: 2, quiet: true })
      await run([...kubectl, 'create', 'namespace', 'moorage-hosts'], { minutes: 2, quiet: true })
      console.log(`\nthe CRDs are applied. In another terminal:\n
  export KUBECONFIG=${plane.kubeconfig}
  alias kubectl=${tools.kubectl}
  kubectl explain microvm.spec
  kubectl get moorage

Ctrl-C ends it and removes ${folder}`)
      await new Promise((done) => {
        process.once('SIGINT', done)
        process.once('SIGTERM', done)
      })
    } finally {
      await plane.stop()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
