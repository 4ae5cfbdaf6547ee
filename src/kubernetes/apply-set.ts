import { type AnyObject, KINDS, kindOf } from '../api/kinds.ts'
import { canonical } from '../digest.ts'
import type { Client } from './client.ts'
import { type ApiObject, keyOfObject, type Resource, resourceOf } from './resource.ts'

/** Field manager of what `moorage apply` says. */
const manager = 'moorage-apply'

/** Label of everything that was applied together under a name, so that what is no longer in it can be found. */
export const setLabel = 'moorage.dev/apply-set'

export type Change = 'created' | 'configured' | 'unchanged' | 'pruned'

/** One object, and what becomes of it. */
export interface Step {
  readonly resource: Resource
  readonly namespace: string
  readonly name: string
  readonly change: Change
  /** null for one that is pruned. */
  readonly object: AnyObject | null
  /** Of one that is pruned: this incarnation and no other. */
  readonly uid: string | null
}

/** What VMs need comes before VMs; what is pruned goes the other way round. */
const order = [
  ...['MicroVMTenant', 'MicroVMNetwork', 'MicroVMImage', 'MicroVMShare', 'Secret', 'MicroVMRollout'],
  ...['MicroVMState', 'MicroVMVolume', 'MicroVMHost', 'MicroVM', 'MicroVMOperation'],
]

/**
 * What applying these objects would do: the server is asked for each, and nothing is kept. `set`: they are all that there
 * shall be of that name, so that others of it are pruned; Secrets are not, since nobody here lists them. Throws an ApiError
 * for an object that the server refuses.
 */
export async function planSet(
  client: Client,
  objects: readonly AnyObject[],
  set: string | null,
  signal: AbortSignal,
): Promise<readonly Step[]> {
  const steps: Step[] = []
  for (const object of objects.toSorted((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind))) {
    const resource = resourceOf(kindOf(object.kind)!)
    const { name, namespace = '' } = object.metadata as { name: string; namespace?: string }
    const before = await client.get(resource, { namespace, name }, signal)
    const after = await applied(client, object, set, true, signal)
    const change = before === null ? 'created' : sameContent(before, after) ? 'unchanged' : 'configured'
    steps.push({ resource, namespace, name, change, object, uid: null })
  }
  return set === null ? steps : [...steps, ...(await pruned(client, steps, set, signal))]
}

/** Does what a plan says, in its order. Throws at the first thing that does not work; what was done stays done. */
export async function applySet(
  client: Client,
  steps: readonly Step[],
  set: string | null,
  signal: AbortSignal,
  onDone: (step: Step) => void,
): Promise<void> {
  for (const step of steps) {
    const { resource, namespace, name, object, uid, change } = step
    if (object !== null && change !== 'unchanged') await applied(client, object, set, false, signal)
    if (uid !== null) await client.remove(resource, { namespace, name }, { uid }, signal)
    onDone(step)
  }
}

/** Why pruning so much is more likely a mistake; null when it is not. At least four VMs, of which more than half would go. */
export function pruneGuard(steps: readonly Step[]): string | null {
  const vms = steps.filter(({ resource, change }) => resource.kind === 'MicroVM' && change !== 'created')
  const going = vms.filter(({ change }) => change === 'pruned')
  if (vms.length < 4 || going.length * 2 <= vms.length) return null
  return `${going.length} of ${vms.length} MicroVMs would be deleted; if that is meant, add --confirm-prune`
}

async function pruned(
  client: Client,
  steps: readonly Step[],
  set: string,
  signal: AbortSignal,
): Promise<readonly Step[]> {
  const wanted = new Set(steps.map(({ resource, namespace, name }) => `${resource.kind}/${namespace}/${name}`))
  const found: Step[] = []
  const kinds = KINDS.filter(({ kind }) => kind !== 'Secret')
  for (const kind of kinds.toSorted((a, b) => order.indexOf(b.kind) - order.indexOf(a.kind))) {
    const resource = resourceOf(kind)
    for (const { metadata } of await client.list(resource, {}, `${setLabel}=${set}`, signal)) {
      if (wanted.has(keyOfObject(resource, metadata)) || metadata.deletionTimestamp !== undefined) continue
      const { name, namespace = '', uid } = metadata
      found.push({ resource, namespace, name, change: 'pruned', object: null, uid })
    }
  }
  return found
}

function applied(client: Client, object: AnyObject, set: string | null, dryRun: boolean, signal: AbortSignal) {
  const { apiVersion, kind, metadata } = object
  const labels = set === null ? metadata.labels : { ...metadata.labels, [setLabel]: set }
  const marked = { ...object, apiVersion, kind, metadata: { ...metadata, ...(labels && { labels }) } }
  return client.apply(resourceOf(kindOf(kind)!), marked, { manager, force: false, dryRun }, signal)
}

/** Everything but who owns which field: a dry run never counts versions on. */
function sameContent(a: ApiObject, b: ApiObject): boolean {
  const content = ({ metadata, ...rest }: ApiObject) =>
    canonical({ ...rest, metadata: { ...metadata, managedFields: null, resourceVersion: null } })
  return content(a) === content(b)
}
