import { formatQuantity } from '../api/quantity.ts'
import type { MicroVMVolumeSpec } from '../api/volume.ts'
import type { Observed } from '../host-state.ts'

/** A MicroVMVolume as it should be: what is on this host, told to the cluster. */
export interface VolumeRecord {
  readonly name: string
  readonly spec: MicroVMVolumeSpec
  readonly status: { readonly phase: string; readonly nodeName: string; readonly message: string }
}

/**
 * The records of the volumes of states that are on a host. Pure. One whose own record cannot be read is left as it is told.
 * `states`: uids of the states that there are; a volume that belongs to none of them any more is Released.
 */
export function volumeRecords(
  { volumes }: Pick<Observed, 'volumes'>,
  states: ReadonlySet<string>,
  nodeName: string,
): readonly VolumeRecord[] {
  return volumes.flatMap(({ name, owner, ownerUid, ephemeral, size, madeWith, fault }) => {
    if (ephemeral || owner === null) return []
    const stateRef = { namespace: owner.namespace, name: owner.name, uid: ownerUid }
    const { fsType = 'none', label = null } = madeWith ?? {}
    const spec = {
      stateRef,
      capacity: formatQuantity(size),
      fsType: fsType as MicroVMVolumeSpec['fsType'],
      ...(label !== null && { label }),
    }
    const phase = fault !== null ? 'Faulty' : states.has(ownerUid) ? 'Bound' : 'Released'
    return [{ name, spec, status: { phase, nodeName, message: fault ?? '' } }]
  })
}
