import type { MicroVM } from '../api/microvm.ts'
import { bytesOf } from '../api/quantity.ts'
import type { MicroVMState } from '../api/state.ts'
import type { Disk, Volume } from '../host-state.ts'
import type { Claims } from './claims.ts'
import type { ImageFacts, Settings, Wanted } from './input.ts'
import { ephemeralName, volumeName } from './names.ts'

/** The disks of a VM in the order the guest sees them, and the volumes behind them. */
export interface Disks {
  readonly disks: readonly Disk[]
  readonly volumes: readonly Volume[]
}

/** Root disk of the image first, then those of the spec; or why one cannot be had. A conflict is told by `claims`. */
export function resolveDisks(
  wanted: Wanted<MicroVM>,
  states: ReadonlyMap<string, Wanted<MicroVMState>>,
  image: ImageFacts,
  claims: Claims,
  settings: Settings,
): Disks | { problem: string | null } {
  const { object, uid, ref } = wanted
  const disks: Disk[] = []
  const volumes: Volume[] = []
  if (image.root && 'path' in image.root)
    disks.push({ name: 'root', path: image.root.path, readOnly: true, volume: null })
  for (const wish of object.spec.disks ?? []) {
    const readOnly = wish.readOnly ?? false
    if (wish.ephemeral) {
      const volume = ephemeralOf(wanted, wish.name, bytesOf(wish.ephemeral.size))
      volumes.push(volume)
      disks.push({ name: wish.name, path: pathOf(settings, volume.name), readOnly, volume: volume.name })
      continue
    }
    const name = wish.state!.name
    const state = states.get(`${ref.namespace}/${name}`)
    if (!state) return { problem: `disk ${wish.name} is MicroVMState ${ref.namespace}/${name}, which is not there` }
    if (state.deletion)
      return { problem: `disk ${wish.name} is MicroVMState ${ref.namespace}/${name}, which is being deleted` }
    if (!claims.take('state', `${ref.namespace}/${name}`, ref)) return { problem: null }
    const volume = volumeOf(state, uid)
    volumes.push(volume)
    disks.push({ name: wish.name, path: pathOf(settings, volume.name), readOnly, volume: volume.name })
  }
  return { disks, volumes }
}

/** The volume of a state; `holder` is the uid of the VM that has it. */
export function volumeOf({ object, ref, uid, deletion }: Wanted<MicroVMState>, holder: string | null): Volume {
  const { spec } = object
  return {
    owner: ref,
    name: spec.source?.volume ?? volumeName(ref.namespace, ref.name),
    ownerUid: uid,
    ephemeral: false,
    size: bytesOf(spec.size),
    fsType: spec.fsType ?? 'ext4',
    label: spec.label ?? null,
    holder,
    intent: deletion && spec.deletionPolicy === 'Delete' ? 'Delete' : 'Keep',
    adopt: spec.source?.volume !== undefined,
  }
}

function ephemeralOf({ ref, uid }: Wanted<MicroVM>, disk: string, size: number): Volume {
  return {
    owner: ref,
    name: ephemeralName(uid, disk),
    ownerUid: uid,
    ephemeral: true,
    size,
    fsType: 'none',
    label: null,
    holder: uid,
    intent: 'Keep',
    adopt: false,
  }
}

function pathOf(settings: Settings, volume: string): string {
  return `${settings.volumes}/${volume}/data.img`
}
