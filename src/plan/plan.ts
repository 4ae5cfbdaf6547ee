import type { Action, Plan } from '../action.ts'
import { networkOf, parseCidr } from '../cidr.ts'
import type { HostState, Observed, ObservedMachine } from '../host-state.ts'
import type { Ledger } from '../ledger.ts'
import { type Draft, emptyDraft } from './draft.ts'
import { ownerOfLink } from './link.ts'
import { type MachineDraft, planMachines } from './machine.ts'
import { ownerKey, planForwarding, planLinks } from './network.ts'
import { obstaclesOf } from './obstacle.ts'
import { type Lingering, planRules } from './rules.ts'
import { sortByNeeds } from './sort.ts'
import { planVolumes } from './volume.ts'

/**
 * The whole way from `observed` to `desired`. Pure and total: the same inputs give the same plan, and no input throws.
 * Laws, held by property tests: once every action of a plan has succeeded the next plan has no action; a machine is
 * stopped before what it uses is removed and started after what it needs is there; no action touches a link, a machine
 * or a volume that is not ours.
 */
export function plan(desired: HostState, observed: Observed, ledger: Ledger, now: number): Plan {
  const draft = emptyDraft()
  const obstacles = obstaclesOf(desired, observed, ledger)
  draft.refusals.push(...obstacles.refusals)

  const machines = planMachines(draft, desired, observed, ledger, now, obstacles)
  const needs = planVolumes(draft, desired, observed, machines, obstacles)
  const comings = { gone: goneByOwner(draft), staying: new Set(machines.staying.map((one) => ownerKey(one.owner))) }
  const links = planLinks(draft, desired, observed, ledger, comings, obstacles)
  const rules = planRules(draft, desired, observed, lingering(observed, ledger, machines))
  planForwarding(draft, desired, observed, ledger, rules)
  planReplugs(draft, desired, observed, machines, links)

  const removals = removalsByOwner(draft)
  const actions = draft.actions.map((action) => withNeeds(action, needs, links, removals))
  return { actions: sortByNeeds(actions), refusals: draft.refusals, waits: draft.waits }
}

/** Ids after which nothing of an owner's machine runs any more. */
function goneByOwner(draft: Draft): ReadonlyMap<string, readonly string[]> {
  const gone = new Map<string, readonly string[]>()
  for (const action of draft.actions) {
    if (action.kind === 'concludeMachine') gone.set(ownerKey(action.owner), [action.id])
  }
  return gone
}

/** Ids of the removals of links, by owner. */
function removalsByOwner(draft: Draft): ReadonlyMap<string, readonly string[]> {
  const removals = new Map<string, readonly string[]>()
  for (const { kind, id, owner } of draft.actions) {
    const key = ownerKey(owner)
    if (kind === 'removeLink') removals.set(key, [...(removals.get(key) ?? []), id])
  }
  return removals
}

/** What still has to pass while machines go, or stays because nobody speaks of them. */
function lingering(observed: Observed, ledger: Ledger, machines: MachineDraft): Lingering {
  const names = (uids: ReadonlySet<string>) =>
    namesOf(
      observed.machines.filter((one) => uids.has(one.uid)),
      observed,
      ledger,
    )
  return {
    names: names(new Set(machines.goneAfter.keys())),
    staying: names(new Set(machines.staying.map((one) => one.uid))),
    until: [...machines.goneAfter.values()].flat(),
  }
}

/** TAPs of these machines, their bridges and the subnets of those: the first words of their rule elements. */
function namesOf(machines: readonly ObservedMachine[], observed: Observed, ledger: Ledger): ReadonlySet<string> {
  const owners = new Set(machines.map(({ owner }) => ownerKey(owner)))
  const taps = observed.links.filter((link) => {
    const owner = owners.size === 0 ? null : ownerOfLink(ledger, link)
    return owner !== null && owners.has(ownerKey(owner))
  })
  const bridges = new Set(taps.map((tap) => tap.master).filter((master) => master !== null))
  const subnets = observed.links
    .filter((link) => bridges.has(link.name))
    .flatMap((link) => link.addresses.map((address) => parseCidr(address)))
    .filter((cidr) => cidr !== null)
    .map(networkOf)
  return new Set([...taps.map((tap) => tap.name), ...bridges, ...subnets])
}

/** NICs whose TAP was made anew under a running VMM; one that restarts anyway needs none. */
function planReplugs(
  draft: Draft,
  desired: HostState,
  observed: Observed,
  machines: MachineDraft,
  links: ReadonlyMap<string, string>,
): void {
  const detached = new Map(observed.machines.map((machine) => [machine.uid, machine]))
  for (const tap of desired.taps) {
    const machine = detached.get(tap.machine)
    if (!machine || (machine.phase !== 'Running' && machine.phase !== 'Paused')) continue
    if (machines.goneAfter.has(tap.machine)) continue
    const made = links.get(tap.name)
    const remade = draft.actions.some(
      (action) => action.id === made && action.kind === 'ensureTap' && action.mend.includes('add'),
    )
    if (!remade && !machine.detachedNics.includes(tap.nic)) continue
    draft.actions.push({
      id: `replugNic/${machine.id}/${tap.nic}`,
      owner: tap.owner,
      after: made ? [made] : [],
      because: `${tap.name} was made anew`,
      kind: 'replugNic',
      uid: machine.uid,
      machine: machine.id,
      tap,
    })
  }
}

/**
 * A start waits for its disks and its TAPs. A machine is forgotten behind its links: one without an alias is told by the
 * user that stands in its record.
 */
function withNeeds(
  action: Action,
  volumes: ReadonlyMap<string, readonly string[]>,
  links: ReadonlyMap<string, string>,
  removals: ReadonlyMap<string, readonly string[]>,
): Action {
  if (action.kind === 'forgetMachine')
    return { ...action, after: [...action.after, ...(removals.get(ownerKey(action.owner)) ?? [])] }
  if (action.kind !== 'startMachine') return action
  const taps = action.machine.boot.nics.map((nic) => links.get(nic.tap)).filter((id) => id !== undefined)
  return { ...action, after: [...action.after, ...(volumes.get(action.machine.uid) ?? []), ...taps] }
}
