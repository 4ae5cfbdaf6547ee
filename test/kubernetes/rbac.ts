import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type KindName, kindOf } from '../../src/api/kinds.ts'
import { newClient } from '../../src/kubernetes/client.ts'
import { newIdentity } from '../../src/kubernetes/identity.ts'
import { resourceOf } from '../../src/kubernetes/resource.ts'
import { linuxApiServer } from '../../src/world/linux/api-server.ts'
import { linuxClock } from '../../src/world/linux/clock.ts'
import { checkout } from '../setup/paths.mjs'
import type { Cluster } from './cluster.ts'
import { kubeconfigOf } from './control-plane.mjs'

export const clock = linuxClock()
export const never = new AbortController().signal

/** Everything that a cluster needs of Moorage, as people apply it; resolves once the policies hold. */
export async function install(cluster: Cluster, overlay = 'base'): Promise<void> {
  await cluster.kubectl('apply', '--server-side', '--force-conflicts', '-k', join(checkout, 'manifests', overlay))
}

/** A Node, and an agent's pod on it, as a scheduler would have made them. */
export async function makeNode(cluster: Cluster, name: string): Promise<void> {
  const spec = {
    serviceAccountName: 'moorage-agent',
    nodeName: name,
    containers: [{ name: 'agent', image: 'moorage' }],
  }
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: `agent-${name}`, namespace: 'moorage-system' }, spec }
  await cluster.apply(JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name } }))
  await cluster.apply(JSON.stringify(pod))
}

/** The token that a kubelet gets for the agent's pod on a node; null: for no pod at all. */
export async function podToken(cluster: Cluster, node: string | null): Promise<string> {
  const bound = node === null ? [] : ['--bound-object-kind', 'Pod', '--bound-object-name', `agent-${node}`]
  return (await cluster.kubectl('create', 'token', 'moorage-agent', '-n', 'moorage-system', ...bound)).trim()
}

/** Our own client, as who has this token. */
export async function clientOf(cluster: Cluster, token: string) {
  const file = join(cluster.folder, `kubeconfig-${token.slice(-12)}`)
  writeFileSync(file, kubeconfigOf({ server: cluster.server, ca: cluster.ca, token }), { mode: 0o600 })
  return newClient(await linuxApiServer(file, { userAgent: 'test' }), clock)
}

/** What turns an agent's pod into its host. */
export async function identityOf(cluster: Cluster, podsToken: string, nodeName: string) {
  const client = await clientOf(cluster, podsToken)
  return newIdentity({ client, clock, namespace: 'moorage-hosts', nodeName, signal: never })
}

export function kind(name: KindName) {
  return resourceOf(kindOf(name)!)
}
