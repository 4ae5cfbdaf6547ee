import type { Bridge, HostState, Link, ObjectRef, Observed, Tap } from '../host-state.ts'
import type { Ledger } from '../ledger.ts'
import { add, type Draft } from './draft.ts'
import { isOurs, mendBridge, mendTap, ownerOfLink } from './link.ts'
import type { Obstacles } from './obstacle.ts'

/** What the network plan needs to know of the machines' plan. */
export interface Comings {
  /** Ids of the actions after which nothing of that owner's machine runs any more; by owner key. */
  readonly gone: ReadonlyMap<string, readonly string[]>
  /** Owner keys of machines that run and that nobody asks to stop: their TAPs stay whatever the specs say. */
  readonly staying: ReadonlySet<string>
}

export function ownerKey(ref: ObjectRef): string {
  return `${ref.kind}/${ref.namespace}/${ref.name}`
}

/**
 * Bridges and TAPs: those that are wanted, mended where they differ; those of ours that are not, removed. Answers the
 * ids of what is done to each link, by its name.
 */
export function planLinks(
  draft: Draft,
  desired: HostState,
  observed: Observed,
  ledger: Ledger,
  comings: Comings,
  obstacles: Obstacles,
): ReadonlyMap<string, string> {
  const root = ledger.root
  const links = new Map(observed.links.map((link) => [link.name, link]))
  const linkActions = new Map<string, string>()

  const removals = planRemovals(draft, desired, observed, ledger, comings)

  for (const bridge of desired.bridges) {
    if (obstacles.links.has(bridge.name)) continue
    const link = links.get(bridge.name)
    const removal = removals.get(bridge.name)
    const mend = mendBridge(root, bridge, removal ? undefined : link)
    if (mend.length === 0) continue
    const id = `ensureBridge/${bridge.name}`
    const after = removal ? [removal] : []
    linkActions.set(
      bridge.name,
      add(draft, { id, owner: bridge.owner, after, because: say(mend) }, { kind: 'ensureBridge', bridge, mend }),
    )
  }

  for (const tap of desired.taps) {
    if (obstacles.links.has(tap.name)) continue
    const link = links.get(tap.name)
    const removal = removals.get(tap.name)
    // A bridge that is made anew has lost its ports.
    const remade = removals.has(tap.bridge)
    const mend = mendTap(root, tap, removal ? undefined : link)
    if (remade && link && !removal && !mend.includes('master')) mend.push('master')
    if (mend.length === 0) continue
    const id = `ensureTap/${tap.name}`
    const after = [removal, linkActions.get(tap.bridge)].filter((one) => one !== undefined)
    linkActions.set(
      tap.name,
      add(draft, { id, owner: tap.owner, after, because: say(mend) }, { kind: 'ensureTap', tap, mend }),
    )
  }
  return linkActions
}

/** Links of ours that nobody wants, or that are of the wrong kind or owner: TAPs first, then bridges. */
function planRemovals(
  draft: Draft,
  desired: HostState,
  observed: Observed,
  ledger: Ledger,
  comings: Comings,
): ReadonlyMap<string, string> {
  const bridges = new Map(desired.bridges.map((bridge) => [bridge.name, bridge]))
  const taps = new Map(desired.taps.map((tap) => [tap.name, tap]))
  const removals = new Map<string, string>()
  const masters = new Set(observed.links.map(({ master }) => master))
  const doomed = observed.links.filter((link) => {
    const [bridge, tap] = [bridges.get(link.name), taps.get(link.name)]
    return (
      unwanted(link, bridge, tap, ledger) || (!bridge && !tap && !masters.has(link.name) && isHalfMade(link, ledger))
    )
  })
  const ports = doomed.filter((link) => link.kind !== 'bridge')
  const kept = new Set<string>()

  for (const link of ports) {
    const owner = ownerOfLink(ledger, link) ?? host
    if (comings.staying.has(ownerKey(owner))) {
      kept.add(link.master ?? '')
      continue
    }
    const after = comings.gone.get(ownerKey(owner)) ?? []
    removals.set(link.name, remove(draft, link, owner, after))
  }
  for (const link of doomed) {
    if (link.kind !== 'bridge' || kept.has(link.name)) continue
    const after = ports.filter((port) => port.master === link.name).map((port) => removals.get(port.name))
    removals.set(
      link.name,
      remove(
        draft,
        link,
        ownerOfLink(ledger, link) ?? host,
        after.filter((id) => id !== undefined),
      ),
    )
  }
  return removals
}

/** Owner of what has none: a link whose alias was wiped. */
export const host: ObjectRef = { kind: 'Host', namespace: '', name: 'host' }

function unwanted(link: Link, bridge: Bridge | undefined, tap: Tap | undefined, ledger: Ledger): boolean {
  // Only an owner makes a link removable; a group alone might be a coincidence.
  const owner = ownerOfLink(ledger, link)
  const wanted = bridge ?? tap
  if (!wanted) return owner !== null
  if (!isOurs(ledger, link)) return false
  if (bridge) return link.kind !== 'bridge'
  return (
    link.kind !== 'tun' || link.user !== tap!.user || (owner !== null && ownerKey(owner) !== ownerKey(wanted.owner))
  )
}

/** A bridge is made in our group, and is given its alias by another command. */
function isHalfMade(link: Link, ledger: Ledger): boolean {
  return link.kind === 'bridge' && link.alias === '' && isOurs(ledger, link)
}

function remove(draft: Draft, link: Link, owner: ObjectRef, after: readonly string[]): string {
  return add(
    draft,
    { id: `removeLink/${link.name}`, owner, after, because: 'nothing wants it' },
    { kind: 'removeLink', name: link.name, index: link.index },
  )
}

function say(mend: readonly (string | object)[]): string {
  if (mend[0] === 'add') return 'missing'
  return `differs: ${mend.map((one) => (typeof one === 'string' ? one : `stray address`)).join(', ')}`
}

/** IPv4 forwarding: switched on when first needed, put back when nothing needs it and we were the ones who did. */
export function planForwarding(
  draft: Draft,
  desired: HostState,
  observed: Observed,
  ledger: Ledger,
  rules: string | null,
): void {
  if (desired.forwarding && !observed.forwarding) {
    const recordPrior = ledger.forwardingPrior === null
    add(
      draft,
      // Behind the rules, so that nothing is ever routed that they would have dropped.
      { id: 'setForwarding/on', owner: host, after: rules ? [rules] : [], because: 'a network needs it' },
      { kind: 'setForwarding', value: true, recordPrior },
    )
  }
  if (!desired.forwarding && ledger.forwardingPrior === false) {
    const after = draft.actions.filter((action) => action.kind === 'removeLink').map((action) => action.id)
    add(
      draft,
      { id: 'setForwarding/off', owner: host, after, because: 'no network needs it, and it was off before' },
      { kind: 'setForwarding', value: false, recordPrior: false },
    )
  }
}
