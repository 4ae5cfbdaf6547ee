import { KubeConfig } from '@kubernetes/client-node/dist/config.js'
import { type Dispatcher, fetch } from 'undici'
import { isInPod } from './pod.ts'

/*
 * The one module that loads @kubernetes/client-node; it is imported when a cluster is spoken to, and bundled apart, since it
 * is larger than everything else.
 */

export { fetch }

/** Where a server is, and what a request to it carries. */
export interface Access {
  readonly server: string
  /** What goes with a request now: a token that rotates is read anew. */
  authenticate(): Promise<{ readonly headers: Record<string, string>; readonly dispatcher: Dispatcher | undefined }>
  /** Files that it was made of; when one changes it is to be made anew. */
  readonly files: readonly string[]
}

/**
 * Access by a kubeconfig file; without one, as kubectl finds it (`KUBECONFIG`, `~/.kube/config`) or as a pod has it. With a
 * `token`, only the server and what it is known by are taken from there. Throws one sentence when there is none or it cannot
 * be read.
 */
export function openAccess(path: string | null, token?: () => Promise<string>): Access {
  const config = new KubeConfig()
  try {
    if (path !== null) config.loadFromFile(path)
    else if (isInPod()) config.loadFromCluster()
    else config.loadFromDefault()
  } catch (error) {
    throw new Error(`the kubeconfig ${path ?? ''} cannot be read: ${(error as Error).message}`)
  }
  const cluster = config.getCurrentCluster()
  if (cluster === null) throw new Error(`the kubeconfig ${path ?? ''} has no cluster for its current context`)
  if (token !== undefined) withoutUser(config)
  const user = config.getCurrentUser()
  const paths = [path ?? process.env.KUBECONFIG, cluster.caFile, user?.certFile, user?.keyFile]
  return {
    server: cluster.server.replace(/\/$/, ''),
    files: paths.filter((each) => each !== undefined),
    async authenticate() {
      const headers: Record<string, string> = {}
      let dispatcher: Dispatcher | undefined
      const context = {
        setHeaderParam(key: string, value: string) {
          headers[key] = value
        },
        setDispatcher(each: Dispatcher) {
          dispatcher = each
        },
      }
      await config.applySecurityAuthentication(context as never)
      if (token !== undefined) headers.Authorization = `Bearer ${await token()}`
      return { headers, dispatcher }
    },
  }
}

/** Nobody is authenticated by what the file says of its user; the servers stay. */
function withoutUser(config: KubeConfig): void {
  const name = 'moorage'
  config.users = [{ name }]
  config.contexts = config.contexts.map((context) => ({ ...context, user: name }))
}
