import type { StartReason } from '../action.ts'
import { type DigestGroup, digestGroups, type Machine } from '../host-state.ts'
import { digestSchema, type StartedRecord } from '../ledger.ts'

/** Why a running machine has to be started anew. */
export interface Due {
  readonly reason: StartReason
  /** What differs, in the words of the spec: `compute`, `image`, ..., `credentials`. */
  readonly fields: readonly string[]
}

/**
 * What of a machine differs from what it was started with; null when nothing does. A record of another schema, a
 * digest made with another key and values that cannot be read now are no difference: only a wish that changed is.
 */
export function due(machine: Machine, started: StartedRecord): Due | null {
  const changed = started.schema === digestSchema ? changedGroups(machine, started) : []
  const rotated = isRotated(machine, started)
  const fields: string[] = rotated ? [...changed, 'credentials'] : changed
  if (fields.length === 0) return null
  return { reason: reasonOf(changed, rotated), fields }
}

function changedGroups(machine: Machine, started: StartedRecord): DigestGroup[] {
  return digestGroups.filter((group) => {
    const then = started.digests[group]
    return then !== undefined && then !== machine.digests[group]
  })
}

function isRotated(machine: Machine, started: StartedRecord): boolean {
  const [now, then] = [machine.credentials, started.credentials]
  return now !== null && then !== null && now.key === then.key && now.digest !== then.digest
}

function reasonOf(changed: readonly DigestGroup[], rotated: boolean): StartReason {
  const spec = changed.filter((group) => group !== 'image' && group !== 'restart')
  if (spec.length > 0) return 'SpecChanged'
  if (changed.includes('image')) return 'ImageChanged'
  if (rotated) return 'SecretRotated'
  return 'Requested'
}
