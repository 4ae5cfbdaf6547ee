import { ownerOf } from '../alias.ts'
import { volumeOf } from '../resolve/disk.ts'
import type { Accepted } from '../source/source.ts'
import type { PassView } from './status/view.ts'

/**
 * The objects whose deletion is complete: nothing that they made is left on the host, and nobody uses them any more.
 * Only then does their uid end.
 */
export function finished(objects: readonly Accepted[], view: PassView): readonly Accepted[] {
  const owners = new Set(
    view.observed.links
      .map((link) => ownerOf(view.ledger.root, link.alias))
      .filter((owner) => owner !== null)
      .map((owner) => `${owner.kind}/${owner.namespace}/${owner.name}`),
  )
  return objects.filter((object) => object.deletion !== null && isClean(object, view, owners))
}

function isClean(
  { object, uid, key, ref, deletion, createdAt }: Accepted,
  view: PassView,
  owners: ReadonlySet<string>,
): boolean {
  switch (object.kind) {
    case 'MicroVM':
      return (
        !owners.has(key) &&
        view.ledger.machines[uid] === undefined &&
        !view.observed.machines.some((machine) => machine.uid === uid) &&
        !view.observed.volumes.some((volume) => volume.ephemeral && volume.ownerUid === uid)
      )
    case 'MicroVMNetwork':
      return (
        !owners.has(key) && !view.networks.some((network) => network.name === ref.name && isUsed(view, network.name))
      )
    case 'MicroVMState': {
      const volume = volumeOf({ key, ref, uid, generation: 1, createdAt, object, deletion }, null)
      const there = view.observed.volumes.some((one) => one.name === volume.name && one.ownerUid === uid)
      return volume.intent === 'Keep' || !there
    }
    default:
      return true
  }
}

function isUsed(view: PassView, network: string): boolean {
  return view.machines.some((one) => one.interfaces.some((nic) => nic.network.name === network))
}
