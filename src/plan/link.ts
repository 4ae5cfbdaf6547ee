import type { LinkMend } from '../action.ts'
import { ownerOf } from '../alias.ts'
import type { Bridge, Link, Tap } from '../host-state.ts'
import type { Ledger, RootIdentity } from '../ledger.ts'

/**
 * Ours by its alias; or, when somebody wiped the alias, by the link group, a random number that nobody else picks; or as
 * a TAP that was being made, which is another command than its alias, by its user, who is a VM's of ours.
 */
export function isOurs({ root, machines }: Ledger, link: Link): boolean {
  if (link.alias !== '') return ownerOf(root, link.alias) !== null
  if (link.group === root.group) return true
  return link.kind === 'tun' && link.group === 0 && Object.values(machines).some(({ user }) => user === link.user)
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
  if (wanted.mtu !== null && link.mtu !== wanted.mtu) mend.push('mtu')
  if (!link.up) mend.push('up')
  return mend
}
