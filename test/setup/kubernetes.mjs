// @ts-check
/** `npm run kubernetes`: a real control plane with all of manifests/base, for a person, until Ctrl-C. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { kubeconfigOf, startControlPlane } from '../kubernetes/control-plane.mjs'
import { ensureKubernetes } from './kubernetes-tools.mjs'
import { checkout } from './paths.mjs'
import { output, run, script } from './run.mjs'
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
      const { kubeconfig, server, ca } = plane
      const kubectl = [tools.kubectl, '--kubeconfig', kubeconfig]
      const install = ['apply', '--server-side', '-k', join(checkout, 'manifests/base')]
      await run([...kubectl, ...install], { minutes: 2, quiet: true })
      await run([...kubectl, 'wait', '--for=condition=Established', 'crd', '--all'], { minutes: 2, quiet: true })
      // What kubectl remembers of the server is from before.
      await output([...kubectl, 'api-resources'])
      const account = ['moorage-manager', '-n', 'moorage-system', '--duration=24h']
      const token = (await output([...kubectl, 'create', 'token', ...account])).trim()
      const manager = join(folder, 'manager.kubeconfig')
      writeFileSync(manager, kubeconfigOf({ server, ca, token }), { mode: 0o600 })
      // On the path of a shell there may be another version.
      const bin = join(folder, 'kubectl')
      writeFileSync(bin, `#!/bin/sh\nexec '${tools.kubectl}' "$@"\n`)
      chmodSync(bin, 0o755)
      console.log(`
KUBECONFIG=${kubeconfig}

CRDs, namespaces, rights and policies of manifests/base are applied. Nothing runs pods here: the manager and the hosts are
processes. In other terminals, in this folder, as root where a host is started:

  export KUBECONFIG=${kubeconfig} PATH=${folder}:$PATH

  node dist/moorage.js manage --kubeconfig ${manager}
  node test/setup/kubernetes-host.mjs node-a    # a host in a network namespace of its own; another one: node-b
  kubectl get moorage -A

Ctrl-C ends it and removes ${folder}. End hosts and manager before.`)
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
