import type { Refusal } from '../action.ts'
import type { ObjectRef } from '../host-state.ts'

/** Things that only one object of the host may have: MACs, addresses, TAPs, bridges, subnets, states, CIDs. */
export interface Claims {
  /** Takes `value` for `owner`; false, with a refusal that names the other, when it is taken. */
  take(what: string, value: string, owner: ObjectRef): boolean
  readonly refusals: readonly Refusal[]
}

/** First come, first served: ask in order of age. */
export function emptyClaims(): Claims {
  const holders = new Map<string, ObjectRef>()
  const refusals: Refusal[] = []
  return {
    refusals,
    take(what, value, owner) {
      const key = `${what} ${value}`
      const holder = holders.get(key)
      if (!holder) {
        holders.set(key, owner)
        return true
      }
      if (holder.kind === owner.kind && holder.namespace === owner.namespace && holder.name === owner.name) return true
      refusals.push({
        owner,
        reason: 'Conflict',
        message: `${what} ${value} belongs to ${sayRef(holder)}; choose another one`,
      })
      return false
    },
  }
}

/** `MicroVM default/slot1`, `MicroVMImage debian`. */
export function sayRef(ref: ObjectRef): string {
  return `${ref.kind} ${ref.namespace === '' ? '' : `${ref.namespace}/`}${ref.name}`
}
