import { getCondition, type NewCondition, setCondition } from '../api/conditions.ts'
import { hostsNamespace } from './cluster.ts'
import { type Draft, versionOf, writeId } from './draft.ts'
import { standingOf } from './fence.ts'

/** Says of silent hosts, and of what is bound to them, that nobody knows. Their agents take it back when they return. */
export function tellSilence(draft: Draft): void {
  for (const host of draft.cluster.hosts) {
    const { name } = host.ref
    const standing = standingOf(draft, name)
    if (standing === 'live' || standing === 'unheard' || host.deleting) continue
    const ready: NewCondition = {
      ...{ type: 'Ready', status: 'Unknown', reason: 'HostSilent' },
      message: `its agent does not renew Lease ${hostsNamespace}/${name}`,
      observedGeneration: host.generation,
    }
    const now = new Date(draft.now).toISOString()
    const conditions = setCondition(host.conditions, ready, now)
    if (conditions === host.conditions) continue
    draft.writes.push({
      ...{ id: writeId('status', host.ref), ref: host.ref, on: versionOf(host), after: [] },
      do: 'status',
      status: { conditions: [getCondition(conditions, 'Ready')] },
      because: 'its agent is silent',
      event: { type: 'Warning', reason: 'HostSilent', note: ready.message },
    })
  }
  for (const plan of draft.plans) {
    if (plan.bound === null || plan.ready !== null || plan.machine.deleting) continue
    const { node } = plan.bound
    const standing = standingOf(draft, node)
    if (standing !== 'silent' && standing !== 'fenced') continue
    plan.ready = { status: 'Unknown', reason: 'HostSilent', message: `${node} is silent: nobody knows whether it runs` }
  }
}
