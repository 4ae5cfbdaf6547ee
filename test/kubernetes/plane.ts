import { inject, test } from 'vitest'
import { type Client, newClient } from '../../src/kubernetes/client.ts'
import type { Resource } from '../../src/kubernetes/resource.ts'
import type { ApiServer } from '../../src/world/api-server.ts'
import { linuxApiServer } from '../../src/world/linux/api-server.ts'
import { linuxClock } from '../../src/world/linux/clock.ts'

/** Namespaces of the core; the server of the suite has them really. */
export const namespaces: Resource = { kind: 'Namespace', apiVersion: 'v1', plural: 'namespaces', namespaced: false }

export const never = new AbortController().signal

/** A test that needs the control plane of the suite. */
export const clusterTest = test.skipIf(inject('kubeconfig') === null)

/** The server of the suite, as somebody who may do everything. */
export async function openCluster(): Promise<{ readonly api: ApiServer; readonly client: Client }> {
  const api = await linuxApiServer(inject('kubeconfig'), { userAgent: 'test' })
  return { api, client: newClient(api, linuxClock()) }
}

let count = 0

/** A namespace of its own. */
export async function newNamespace(client: Client, name?: string): Promise<string> {
  count += 1
  const made = name ?? `t${process.pid}-${count}`
  const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: made } }
  await client.create(namespaces, {}, object, never)
  return made
}

/** Asks until it holds; throws what was seen last after `seconds`. */
export async function until<T>(
  what: string,
  look: () => Promise<T>,
  holds: (seen: T) => boolean,
  seconds = 30,
): Promise<T> {
  const end = performance.now() + seconds * 1000
  for (;;) {
    const seen = await look()
    if (holds(seen)) return seen
    if (performance.now() > end) throw new Error(`${what}: not within ${seconds} s; last ${JSON.stringify(seen)}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
