import type { Bearer } from '../world/api-server.ts'
import type { Clock } from '../world/clock.ts'
import type { Client } from './client.ts'
import { ApiError } from './error.ts'
import { resources } from './resource.ts'

export interface IdentityOptions {
  /** With the credentials of the pod that runs on the node. */
  readonly client: Client
  readonly clock: Clock
  /** Where the identities of hosts are. */
  readonly namespace: string
  /** Name of the Node, of the MicroVMHost and of its ServiceAccount. */
  readonly nodeName: string
  readonly signal: AbortSignal
}

/** Seconds for which a token is asked for; it ends sooner when its Node is deleted. */
const lasts = 3600

/** Milliseconds: after a refusal a token that is younger is not the reason, and failed renewals are so far apart. */
const pause = 10_000

interface Token {
  readonly text: string
  /** By the monotonic clock. */
  readonly from: number
  readonly until: number
}

/**
 * A pod becomes the host that it runs on: the ServiceAccount of the node's name, which is made when it is not there, by
 * tokens of an hour (TokenRequest) that are renewed after half of it. A renewal that fails is tried again while the old
 * token is good. That it is this node and no other is for the server to check.
 */
export function newIdentity(options: IdentityOptions): Bearer {
  const { clock, nodeName } = options
  let held: Token | null = null
  let renewAt = 0
  let renewal: Promise<string> | null = null

  async function renew(): Promise<string> {
    try {
      held = await request(options)
      renewAt = (held.from + held.until) / 2
    } catch (error) {
      renewAt = clock.monotonic() + pause
      if (held === null || held.until <= clock.monotonic())
        throw new Error(`there is no token for host ${nodeName}: ${(error as Error).message}`)
    }
    return held.text
  }

  return {
    current() {
      const now = clock.monotonic()
      if (held !== null && now < Math.min(renewAt, held.until)) return Promise.resolve(held.text)
      renewal ??= renew().finally(() => {
        renewal = null
      })
      return renewal
    },
    forget() {
      if (held !== null && clock.monotonic() - held.from >= pause) held = null
    },
  }
}

async function request(options: IdentityOptions): Promise<Token> {
  try {
    return await requestToken(options)
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error
  }
  await makeAccount(options)
  return await requestToken(options)
}

/** https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/ */
async function requestToken({ client, clock, namespace, nodeName, signal }: IdentityOptions): Promise<Token> {
  const from = clock.monotonic()
  const boundObjectRef = { apiVersion: 'v1', kind: 'Node', name: nodeName }
  const { spec, status } = await client.create(
    resources.serviceAccount,
    { namespace, name: nodeName, subresource: 'token' },
    {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: { name: nodeName, namespace },
      spec: { expirationSeconds: lasts, boundObjectRef },
    },
    signal,
  )
  const { token } = (status ?? {}) as { token?: unknown }
  if (typeof token !== 'string' || token === '') throw new Error('the server answered without a token')
  // A server may grant less.
  const seconds = Number((spec as { expirationSeconds?: unknown } | undefined)?.expirationSeconds ?? lasts)
  return { text: token, from, until: from + seconds * 1000 }
}

async function makeAccount({ client, namespace, nodeName, signal }: IdentityOptions): Promise<void> {
  const { apiVersion, kind } = resources.serviceAccount
  const metadata = { name: nodeName, namespace, labels: { 'app.kubernetes.io/managed-by': 'moorage' } }
  await client
    .create(resources.serviceAccount, { namespace }, { apiVersion, kind, metadata }, signal)
    .catch((error: unknown) => {
      if (!(error instanceof ApiError && error.status === 409)) throw error
    })
}
