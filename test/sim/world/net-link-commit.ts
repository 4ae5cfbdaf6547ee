import type { RootIdentity } from '../../../src/ledger.ts'
import { doomedGroup } from '../../../src/world/linux/net/ip-render.ts'
import { explain, type LinkOperation, refuse } from '../../../src/world/linux/net/link-operation.ts'
import { bridgeMac } from '../../../src/world/linux/net/names.ts'
import type { Outcomes } from '../../../src/world/linux/net/outcome.ts'
import type { NetOperation } from '../../../src/world/net.ts'
import type { SimLinks, Words } from './net-links.ts'
import type { Placed } from './net-rule-commit.ts'

type Removal = Extract<LinkOperation, { op: 'removeLink' }>
type Change = Exclude<LinkOperation, Removal>

export interface LinkCommit {
  readonly root: RootIdentity
  readonly links: SimLinks
  /** Words with which the kernel refuses an operation whatever it is. */
  readonly fails: (operation: NetOperation) => string | null
  /** Places before this take effect; of one that holds a fraction the first half. Infinity: all. */
  readonly cut: number
  /** Called with each operation that is about to take effect. */
  readonly about: (operation: LinkOperation) => void
}

/** Names of links to which nothing more is done, with what they could not be. */
type Missing = Map<string, 'made' | 'put into its group'>

/** What ip(8) forgives: it is there, it is gone. */
const forgiven: Partial<Record<LinkOperation['op'], RegExp>> = {
  addAddress: /already assigned|File exists/,
  removeAddress: /Address not found|Cannot assign requested address|Cannot find device|No such device/,
}

/** Carries out link operations with the outcomes of src/world/linux/net/links.ts. */
export function commitLinks(commit: LinkCommit, operations: Placed<LinkOperation>, outcomes: Outcomes): void {
  const missing: Missing = new Map()
  const doomed: (readonly [number, Removal])[] = []
  for (const [place, operation] of operations) {
    const why = refuse(operation)
    if (why !== null) outcomes.fail(place, why)
  }
  for (const [place, operation] of operations) {
    if (outcomes.failed(place)) continue
    if (operation.op === 'removeLink') {
      if (commit.links.get(operation.name)?.index === operation.index) doomed.push([place, operation])
      continue
    }
    removeAll(commit, doomed.splice(0), missing, outcomes)
    if (place >= commit.cut) return
    changeOne(commit, place, operation, missing, outcomes)
  }
  removeAll(commit, doomed, missing, outcomes)
}

function changeOne(commit: LinkCommit, place: number, operation: Change, missing: Missing, outcomes: Outcomes): void {
  const { name } = operation
  const names = operation.op === 'setMaster' ? [name, operation.master] : [name]
  const lacks = names.find((each) => missing.has(each))
  if (lacks !== undefined) {
    outcomes.fail(place, notTried(lacks, missing))
    return
  }
  const refused = commit.fails(operation)
  if (refused === null) commit.about(operation)
  const words = refused ?? carryOut(commit, operation, place + 1 > commit.cut)
  if (words === null || (refused === null && forgiven[operation.op]?.test(words))) return
  if (operation.op === 'addBridge' || operation.op === 'addTap') missing.set(name, 'made')
  if (operation.op === 'setGroup') missing.set(name, 'put into its group')
  outcomes.fail(place, explain(operation, words))
}

/** `half`: ip(8) is killed within it. */
function carryOut({ links }: LinkCommit, operation: Change, half: boolean): Words {
  const { name } = operation
  switch (operation.op) {
    case 'addBridge': {
      const { alias, group } = operation
      return links.make({ name, kind: 'bridge', mac: bridgeMac(alias), group, alias: half ? '' : alias })
    }
    case 'addTap': {
      const { alias, group, user } = operation
      return links.make({ name, kind: 'tun', user, ...(half ? {} : { alias, group }) })
    }
    case 'setAlias':
      return links.setAlias(name, operation.alias)
    case 'setGroup':
      return links.setGroup(name, operation.group)
    case 'setMaster':
      return links.setMaster(name, operation.master)
    case 'setMtu':
      return links.setMtu(name, operation.mtu)
    case 'setUp':
      return links.setUp(name, true)
    case 'addAddress':
      return links.addAddress(name, operation.address)
    case 'removeAddress':
      return links.removeAddress(name, operation.address)
  }
}

/** Several go together: down, into a group that nobody is in, and then that group. */
function removeAll(
  commit: LinkCommit,
  doomed: readonly (readonly [number, Removal])[],
  missing: Missing,
  outcomes: Outcomes,
): void {
  const last = doomed.at(-1)
  if (last === undefined || doomed[0]![0] >= commit.cut) return
  const { links } = commit
  const lacks = doomed.map(([, { name }]) => name).find((name) => missing.has(name))
  const refused = new Map(doomed.map(([place, operation]) => [place, commit.fails(operation)] as const))
  const going = doomed.filter(([place, { name }]) => refused.get(place) === null && !missing.has(name))
  for (const [place, operation] of going) if (place < commit.cut) commit.about(operation)
  if (doomed.length > 1) {
    const group = doomedGroup(commit.root.group, new Set(links.list().map((link) => link.group)))
    for (const [place, { name }] of going) {
      if (place >= commit.cut) return
      links.setUp(name, false)
      links.setGroup(name, group)
    }
  }
  if (last[0] >= commit.cut) return
  const stuck = going.some(([, { name }]) => links.get(name)?.kind === '') ? 'Operation not supported' : null
  for (const [place, operation] of doomed) {
    const words = refused.get(place) ?? stuck
    if (words !== null) outcomes.fail(place, explain(operation, words))
    else if (lacks !== undefined) outcomes.fail(place, notTried(lacks, missing))
    else links.remove(operation.name)
  }
}

function notTried(name: string, missing: Missing): string {
  return `not tried: ${name} could not be ${missing.get(name)}`
}
