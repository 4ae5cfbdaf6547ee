import type { LinkMend } from '../action.ts'
import { ownerOf } from '../alias.ts'
import { type Bridge, type Link, linkMtu, type ObjectRef, type Tap } from '../host-state.ts'
import type { Ledger, RootIdentity } from '../ledger.ts'

/**
 * Whose a link of ours is, by its alias. A TAP whose alias somebody wiped, or that was being made, which is another
 * command than its alias, is told by its user, who is a VM's of ours. Null when that cannot be told.
 */
export function ownerOfLink({ root, machines }: Ledger, link: Link): ObjectRef | null {
  if (link.alias !== '') return ownerOf(root, link.alias)
  if (link.kind !== 'tun' || (link.group !== root.group && link.group !== 0)) return null
  return Object.values(machines).find(({ user }) => user === link.user)?.ref ?? null
}

/** Its owner is known; or it has no alias and is in our group, a random number that nobody else picks. */
export function isOurs(ledger: Ledger, link: Link): boolean {
  return ownerOfLink(ledger, link) !== null || (link.alias === '' && link.group === ledger.root.group)
}

/** What has to be done to `link` (undefined: not there) to make it this bridge. */
export function mendBridge(root: RootIdentity, bridge: Bridge, link: Link | undefined): LinkMend[] {
  if (!link) return ['add']
  const mend = mendCommon(root, bridge, link)
  if (!link.addresses.includes(bridge.address)) mend.push('address')
  for (const address of link.addresses) if (address !== bridge.address) mend.push({ removeAddress: address })
  return mend
}

/** What has to be done to `link` to make it this TAP on its bridge. */
export function mendTap(root: RootIdentity, tap: Tap, link: Link | undefined): LinkMend[] {
  if (!link) return ['add']
  const mend = mendCommon(root, tap, link)
  if (link.master !== tap.bridge) mend.push('master')
  return mend
}

function mendCommon(root: RootIdentity, wanted: Bridge | Tap, link: Link): LinkMend[] {
  const mend: LinkMend[] = []
  if (link.group !== root.group) mend.push('group')
  if (link.alias !== wanted.alias) mend.push('alias')
  if (link.mtu !== (wanted.mtu ?? linkMtu)) mend.push('mtu')
  if (!link.up) mend.push('up')
  return mend
}
