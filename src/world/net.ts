import type { Link, NetState, RuleSets } from '../host-state.ts'

/**
 * Kernel networking of one network namespace: typed operations with partial failure.
 *
 * Laws: `dump` changes nothing. `commit` is idempotent per operation (adding what is there and removing what is gone
 * both succeed), applies link operations in the order given, goes on after a failing one, and answers one outcome for
 * each operation, in order. All rule operations of one call are one transaction, committed beside the links.
 */
export interface Net {
  dump(signal: AbortSignal): Promise<NetState>
  commit(operations: readonly NetOperation[], signal: AbortSignal): Promise<readonly NetOutcome[]>
}

/** Rule elements by set, as in {@link RuleSets}; a set that is absent is not changed. */
export type RuleElements = Partial<RuleSets>

/**
 * One change. Names are valid interface names (at most 15 bytes); addresses are CIDR text such as `10.1.0.1/24`.
 * `removeLink` takes the link whose name and kernel index still agree: one that was made anew under
 * the same name is not the one that was meant.
 */
export type NetOperation =
  | { readonly op: 'addBridge'; readonly name: string; readonly alias: string; readonly group: number }
  | {
      readonly op: 'addTap'
      readonly name: string
      readonly alias: string
      readonly group: number
      readonly user: number
    }
  | { readonly op: 'setAlias'; readonly name: string; readonly alias: string }
  | { readonly op: 'setGroup'; readonly name: string; readonly group: number }
  | { readonly op: 'setMaster'; readonly name: string; readonly master: string }
  | { readonly op: 'setMtu'; readonly name: string; readonly mtu: number }
  | { readonly op: 'setUp'; readonly name: string }
  | { readonly op: 'addAddress'; readonly name: string; readonly address: string }
  | { readonly op: 'removeAddress'; readonly name: string; readonly address: string }
  | { readonly op: 'removeLink'; readonly name: string; readonly index: Link['index'] }
  | { readonly op: 'replaceRules'; readonly sets: RuleSets }
  | { readonly op: 'changeRules'; readonly add: RuleElements; readonly remove: RuleElements }
  | { readonly op: 'removeRules' }
  | { readonly op: 'setForwarding'; readonly value: boolean }

/** `null` when the operation holds; else why it does not, in the kernel's words and ours. */
export type NetOutcome = { readonly error: string | null }
