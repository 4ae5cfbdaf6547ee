import { enterGiven } from './address.ts'
import { bindMachines, writeStates } from './bind.ts'
import { doChores, nextLapse } from './chore.ts'
import type { Cluster } from './cluster.ts'
import type { Decision, Write } from './decision.ts'
import { type Draft, newDraft } from './draft.ts'
import { keepFinalizers } from './finalizer.ts'
import { writeMachines } from './machine-status.ts'
import { restore } from './restore.ts'
import { grantRestarts } from './rollout.ts'
import { grantSecrets } from './secret-role.ts'
import { tellShared } from './shared.ts'
import { tellSilence } from './silence.ts'
import { reportUse } from './tenant.ts'
import { countUse } from './use.ts'

/**
 * Everything that is to be written so that a cluster is as it should be. Pure and total. `now`: milliseconds since the
 * epoch.
 *
 * Laws: what was lost is restored before anything is bound; a finalizer is there before a binding, a Role before, states
 * before their VM; each object is written once; a binding to another host has a greater epoch and leaves a fenced host only;
 * when all of it is written and nothing else happens, the next decision has no writes.
 */
export function decide(cluster: Cluster, now: number): Decision {
  const draft = newDraft(cluster, now)
  restore(draft)
  keepFinalizers(draft)
  countUse(draft)
  enterGiven(draft)
  bindMachines(draft)
  tellSilence(draft)
  grantSecrets(draft)
  grantRestarts(draft)
  doChores(draft)
  writeStates(draft)
  writeMachines(draft)
  reportUse(draft)
  tellShared(draft)
  return { writes: once(draft.writes), recheckAt: recheckAt(draft), told: draft.told }
}

/** Of two writes to one object the first: the second is decided on a version that the first makes old. */
function once(writes: readonly Write[]): readonly Write[] {
  const seen = new Set<string>()
  return writes.filter(({ ref }) => {
    const key = `${ref.kind}/${ref.namespace}/${ref.name}`
    return seen.has(key) ? false : seen.add(key)
  })
}

/** When an agent that stays as quiet as it is counts as silent, an operation lapses, or something waited long enough. */
function recheckAt(draft: Draft): number | null {
  const pulses = [...draft.cluster.pulses.values()].flatMap((pulse) => (pulse.is === 'silent' ? [] : [pulse.left]))
  const lapse = nextLapse(draft)
  const times = [...pulses.map((left) => draft.now + left), ...(lapse === null ? [] : [lapse]), ...draft.rechecks]
  return times.length === 0 ? null : Math.min(...times)
}
