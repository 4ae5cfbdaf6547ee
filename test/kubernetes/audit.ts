import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A request that an API server answered, as its audit log tells (audit.k8s.io/v1 Event). */
export interface Request {
  /** Milliseconds since 1970 when it came. */
  readonly at: number
  /** `agent`: from a host's address. `manager`: who calls itself so. `other`: kubectl, controllers, the server itself. */
  readonly from: 'agent' | 'manager' | 'other'
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, ... */
  readonly verb: string
  readonly resource: string
  /** Empty for requests to the whole of a resource. */
  readonly name: string
  /** HTTP's. */
  readonly code: number
}

/** What API servers are asked, over all of their lives. */
export interface Audit {
  /** Arguments of kube-apiserver. */
  readonly args: readonly string[]
  /** Everything that was answered, or begun to be, since a moment in milliseconds since 1970; oldest first. */
  since(at: number): readonly Request[]
}

/** Address of the bridge that servers are on; what comes from another one of the network is a host. */
const serverAddress = '10.254.0.1'

/** `folder` takes the policy and the log. */
export function openAudit(folder: string): Audit {
  const [policy, log] = [join(folder, 'audit-policy.json'), join(folder, 'audit.log')]
  const rules = [{ level: 'Metadata', omitStages: ['RequestReceived'] }]
  writeFileSync(policy, JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules }))
  return {
    args: [`--audit-policy-file=${policy}`, `--audit-log-path=${log}`],
    since(at) {
      const events = new Map<string, Request>()
      for (const line of readFileSync(log, 'utf8').split('\n')) {
        // The last line of a server that was killed may be a part of one.
        if (!line.startsWith('{') || !line.endsWith('}')) continue
        const event = JSON.parse(line) as Event
        const request = requestOf(event)
        // A watch is told twice: as it begins and as it ends.
        if (request.at >= at && !events.has(event.auditID)) events.set(event.auditID, request)
      }
      return [...events.values()]
    },
  }
}

interface Event {
  readonly auditID: string
  readonly requestReceivedTimestamp: string
  readonly verb: string
  readonly userAgent?: string
  readonly sourceIPs?: readonly string[]
  readonly objectRef?: { readonly resource?: string; readonly name?: string }
  readonly responseStatus?: { readonly code?: number }
}

function requestOf(event: Event): Request {
  const { objectRef, responseStatus, sourceIPs = [], userAgent = '' } = event
  const isHost = sourceIPs[0] !== serverAddress && sourceIPs[0]?.startsWith('10.254.')
  return {
    at: Date.parse(event.requestReceivedTimestamp),
    from: isHost ? 'agent' : userAgent.startsWith('moorage-manager/') ? 'manager' : 'other',
    verb: event.verb,
    resource: objectRef?.resource ?? '',
    name: objectRef?.name ?? '',
    code: responseStatus?.code ?? 0,
  }
}

/** Requests that change something. */
export function writesOf(requests: readonly Request[]): readonly Request[] {
  return requests.filter(({ verb }) => !['get', 'list', 'watch'].includes(verb))
}

/** How often each was asked: `agent patch leases node-a`, say. */
export function countsOf(requests: readonly Request[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { from, verb, resource, name } of requests) {
    const key = [from, verb, resource, name].filter((part) => part !== '').join(' ')
    counts[key] = (counts[key] ?? 0) + 1
  }
  return counts
}
