import type { RootIdentity } from '../../../src/ledger.ts'
import type { LinkOperation } from '../../../src/world/linux/net/link-operation.ts'
import type { Outcomes } from '../../../src/world/linux/net/outcome.ts'
import type { NetOperation } from '../../../src/world/net.ts'
import type { NetFaults } from './net-faults.ts'
import { commitLinks } from './net-link-commit.ts'
import type { SimLinks } from './net-links.ts'
import { commitRules, type Placed, type RuleOperation } from './net-rule-commit.ts'
import type { Tables } from './net-rules.ts'

export interface Commit {
  readonly root: RootIdentity
  readonly links: SimLinks
  readonly tables: Tables
  readonly faults: NetFaults
  /** Places before it take effect; null: all. */
  readonly cut: number | null
  /** A link operation is about to take effect. */
  readonly about: (operation: LinkOperation) => void
  readonly load: (tables: Tables) => void
  readonly forward: (value: boolean) => void
}

type ForwardingOperation = Extract<NetOperation, { op: 'setForwarding' }>

/** Carries out a commit with the outcomes of src/world/linux/net/commit.ts: links, the rules as one, then forwarding. */
export function commitAll(commit: Commit, operations: readonly NetOperation[], outcomes: Outcomes): void {
  const links: [number, LinkOperation][] = []
  const rules: [number, RuleOperation][] = []
  const forwarding: [number, ForwardingOperation][] = []
  for (const [place, operation] of operations.entries()) {
    if (operation.op === 'setForwarding') forwarding.push([place, operation])
    else if (isRule(operation)) rules.push([place, operation])
    else links.push([place, operation])
  }
  changeLinks(commit, links, outcomes)
  const loaded = changeRules(commit, rules, outcomes)
  changeForwarding(commit, forwarding, rules.some(([, { op }]) => op === 'replaceRules') && !loaded, outcomes, [
    ...links,
    ...rules,
  ])
}

function changeLinks(commit: Commit, operations: Placed<LinkOperation>, outcomes: Outcomes): void {
  if (operations.length === 0) return
  const { root, links, about, faults } = commit
  const killed = faults.linksCut?.() ?? null
  const cut = Math.min(commit.cut ?? Number.POSITIVE_INFINITY, killed ?? Number.POSITIVE_INFINITY)
  const fails = (operation: NetOperation) => faults.operationFails?.(operation) ?? null
  commitLinks({ root, links, fails, cut, about }, operations, outcomes)
  if (killed === null) return
  const words = 'ip failed without a word; see whether something ended it'
  for (const [place] of operations) if (!outcomes.failed(place)) outcomes.fail(place, words)
}

/** True when something was committed. */
function changeRules(commit: Commit, operations: Placed<RuleOperation>, outcomes: Outcomes): boolean {
  const last = operations.at(-1)
  if (last === undefined || last[0] + 1 > (commit.cut ?? Number.POSITIVE_INFINITY)) return false
  const { faults } = commit
  const tables = commitRules(
    commit.tables,
    operations,
    {
      all: () => faults.rulesFail?.() ?? null,
      one: (operation) => faults.operationFails?.(operation) ?? null,
    },
    outcomes,
  )
  if (tables !== null) commit.load(tables)
  return tables !== null
}

function changeForwarding(
  commit: Commit,
  operations: Placed<ForwardingOperation>,
  lacksRules: boolean,
  outcomes: Outcomes,
  before: Placed<NetOperation>,
): void {
  const cut = commit.cut ?? Number.POSITIVE_INFINITY
  if (before.some(([place]) => place + 1 > cut)) return
  for (const [place, operation] of operations) {
    if (place + 1 > cut) return
    const { value } = operation
    const words =
      value && lacksRules
        ? 'forwarding stays off while our rules cannot be loaded'
        : (commit.faults.operationFails?.(operation) ?? null)
    if (words === null) {
      commit.forward(value)
      continue
    }
    // The first that fails ends it, and is the failure of all.
    for (const [each] of operations) outcomes.fail(each, words)
    return
  }
}

function isRule(operation: NetOperation): operation is RuleOperation {
  return operation.op === 'replaceRules' || operation.op === 'changeRules' || operation.op === 'removeRules'
}
