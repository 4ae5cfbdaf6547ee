import { type Condition, type NewCondition, setCondition } from '../api/conditions.ts'
import { kindOf } from '../api/kinds.ts'
import { type ObjectKey, parseKey } from '../api/meta.ts'
import type { Pass } from '../controller/reconcile.ts'
import type { Status } from '../controller/status/status.ts'
import { type ApiObject, resourceOf } from '../kubernetes/resource.ts'
import type { OwnParts, WantedStatus } from '../kubernetes/status-writer.ts'

/** Field manager of what hosts write. */
export const agentManager = 'moorage-agent'

/** What of a status hosts write; binding, addresses and grants are the manager's. */
export const agentParts: OwnParts = {
  members: [
    ...['phase', 'observedGeneration', 'conditions', 'effective', 'hypervisor', 'interfaces', 'disks', 'restarts'],
    ...['credentials', 'restart', 'volume', 'capacity', 'microVM', 'message', 'startedAt', 'finishedAt'],
  ],
  conditions: [
    ...['Ready', 'Available', 'NetworkReady', 'DisksAttached', 'CredentialsCurrent', 'RestartRequired'],
    ...['Reconciling', 'Stalled', 'SpecUnderstood', 'HostClean'],
  ],
}

/** Kinds that are bound to one host, which alone speaks of them. */
const bound: ReadonlySet<string> = new Set(['MicroVM', 'MicroVMState', 'MicroVMOperation'])

/** What a host knows of its part of a cluster. */
export interface Known {
  /** What the server sent, by key. */
  readonly objects: ReadonlyMap<string, ApiObject>
  /** By key: uids of which nothing is left on this host. */
  readonly finished: ReadonlyMap<string, string>
  readonly statuses: ReadonlyMap<string, Status>
  readonly source: Pass['source']
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** The status of everything that is bound to this host, as the cluster should have it. Pure. */
export function statusesFor(known: Known): ReadonlyMap<string, WantedStatus> {
  const wanted = new Map<string, WantedStatus>()
  const accepted = new Map(known.source.objects.map((one) => [one.key, one]))
  for (const [key, object] of known.objects) {
    const ref = parseKey(key as ObjectKey)
    const kind = kindOf(ref.kind)
    if (kind === undefined || !bound.has(ref.kind)) continue
    const { uid } = object.metadata
    const status =
      known.finished.get(key) === uid
        ? cleanOf(object, known)
        : accepted.get(key)?.uid === uid
          ? known.statuses.get(key)
          : refusedOf(key, object, known)
    if (status === undefined) continue
    wanted.set(key, { resource: resourceOf(kind), ...ref, uid, status: withoutOthers(status) })
  }
  return wanted
}

/** What the manager gives is left out, so that it stays the manager's alone. */
function withoutOthers(status: Status): Status {
  const { nodeName: _, interfaces, ...ours } = status
  if (!Array.isArray(interfaces)) return ours
  return { ...ours, interfaces: interfaces.map(({ name, tap, mac }) => ({ name, tap, mac })) }
}

/** Of an object in deletion: all that it made here is gone, so that nothing keeps it any more. */
function cleanOf(object: ApiObject, known: Known): Status {
  return told(object, known, 'Stopped', [
    { type: 'HostClean', status: 'True', reason: 'Clean', message: 'nothing of it is left on its host' },
    { type: 'Ready', status: 'False', reason: 'Deleting', message: 'it is being deleted' },
  ])
}

/** Of an object of which no version could be accepted; undefined when nothing is known to be wrong with it. */
function refusedOf(key: string, object: ApiObject, known: Known): Status | undefined {
  const problem = known.source.problems.find((one) => one.key === key)
  if (problem === undefined) return undefined
  const { message } = problem
  return told(object, known, 'Pending', [
    { type: 'SpecUnderstood', status: 'False', reason: 'Refused', message },
    { type: 'Stalled', status: 'True', reason: 'InvalidSpec', message },
    { type: 'Ready', status: 'False', reason: 'InvalidSpec', message },
  ])
}

function told({ metadata, status }: ApiObject, { now }: Known, phase: string, list: readonly NewCondition[]): Status {
  const observedGeneration = metadata.generation ?? 1
  const before = ((status as { conditions?: readonly Condition[] } | undefined)?.conditions ?? []).filter(({ type }) =>
    list.some((one) => one.type === type),
  )
  const conditions = list.reduce<readonly Condition[]>(
    (all, one) => setCondition(all, { ...one, observedGeneration }, new Date(now).toISOString()),
    before,
  )
  return { phase, observedGeneration, conditions }
}
