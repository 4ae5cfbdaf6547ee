import type { Action, LinkMend } from '../action.ts'
import { type Bridge, linkMtu, type Tap } from '../host-state.ts'
import type { RootIdentity } from '../ledger.ts'
import type { Net, NetOperation } from '../world/net.ts'

/**
 * Carries network actions out in one commit: links first to last in the order given, our rules in one transaction
 * beside them. Answers why each action does not hold, null when it does.
 */
export async function applyNetwork(
  net: Net,
  root: RootIdentity,
  actions: readonly Action[],
  signal: AbortSignal,
): Promise<readonly (string | null)[]> {
  const parts = actions.map((action) => operationsOf(root, action))
  const outcomes = await net.commit(parts.flat(), signal)
  let at = 0
  return parts.map((part) => {
    const errors = outcomes.slice(at, at + part.length).flatMap(({ error }) => error ?? [])
    at += part.length
    return errors.length > 0 ? errors.join('; ') : null
  })
}

/** What an action is to the kernel; empty for one that is none of the network's. */
export function operationsOf(root: RootIdentity, action: Action): readonly NetOperation[] {
  switch (action.kind) {
    case 'ensureBridge':
      return bridgeOperations(root, action.bridge, action.mend)
    case 'ensureTap':
      return tapOperations(root, action.tap, action.mend)
    case 'removeLink':
      return [{ op: 'removeLink', name: action.name, index: action.index }]
    case 'ensureRules':
      return action.change.mode === 'replace'
        ? [{ op: 'replaceRules', sets: action.change.sets }]
        : [{ op: 'changeRules', add: action.change.add, remove: action.change.remove }]
    case 'removeRules':
      return [{ op: 'removeRules' }]
    case 'setForwarding':
      return [{ op: 'setForwarding', value: action.value }]
    default:
      return []
  }
}

function bridgeOperations(root: RootIdentity, bridge: Bridge, mend: readonly LinkMend[]): NetOperation[] {
  const { name, alias } = bridge
  if (mend.includes('add')) {
    const mtu: NetOperation[] = bridge.mtu === null ? [] : [{ op: 'setMtu', name, mtu: bridge.mtu }]
    return [
      { op: 'addBridge', name, alias, group: root.group },
      ...mtu,
      { op: 'addAddress', name, address: bridge.address },
      { op: 'setUp', name },
    ]
  }
  const stray = mend.flatMap((one): NetOperation[] =>
    typeof one === 'object' ? [{ op: 'removeAddress', name, address: one.removeAddress }] : [],
  )
  // Last, and also when it was there: the first address of a subnet takes the others of it along when it goes.
  const needed = mend.includes('address') || stray.length > 0
  const address: NetOperation[] = needed ? [{ op: 'addAddress', name, address: bridge.address }] : []
  return [...commonOperations(root, bridge, mend), ...stray, ...address]
}

function tapOperations(root: RootIdentity, tap: Tap, mend: readonly LinkMend[]): NetOperation[] {
  const { name, alias, bridge } = tap
  if (mend.includes('add')) {
    const mtu: NetOperation[] = tap.mtu === null ? [] : [{ op: 'setMtu', name, mtu: tap.mtu }]
    return [
      // In its group before it is on its bridge: from its first frame on, what no rule allows is dropped.
      { op: 'addTap', name, alias, group: root.group, user: tap.user },
      ...mtu,
      { op: 'setMaster', name, master: bridge },
      { op: 'setUp', name },
    ]
  }
  const master: NetOperation[] = mend.includes('master') ? [{ op: 'setMaster', name, master: bridge }] : []
  const [up, rest] = [mend.filter((one) => one === 'up'), mend.filter((one) => one !== 'up')]
  return [...commonOperations(root, tap, rest), ...master, ...commonOperations(root, tap, up)]
}

function commonOperations(root: RootIdentity, wanted: Bridge | Tap, mend: readonly LinkMend[]): NetOperation[] {
  const { name, alias, mtu } = wanted
  return mend.flatMap((one): NetOperation[] => {
    if (one === 'group') return [{ op: 'setGroup', name, group: root.group }]
    if (one === 'alias') return [{ op: 'setAlias', name, alias }]
    if (one === 'mtu') return [{ op: 'setMtu', name, mtu: mtu ?? linkMtu }]
    if (one === 'up') return [{ op: 'setUp', name }]
    return []
  })
}
