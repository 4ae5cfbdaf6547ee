import type { NetOperation } from '../../../src/world/net.ts'

/** Faults of the network, asked on every call; what is left out never happens. Each may draw and count as it likes. */
export interface NetFaults {
  /** Milliseconds that a call takes: the kernel is read or changed after the first half. 0 does without the clock. */
  readonly latency?: () => number
  /** `dump` throws an Error with these words. */
  readonly dumpFails?: () => string | null
  /** The operation is not applied, and its outcome says these words of the kernel as the real one would put them. */
  readonly operationFails?: (operation: NetOperation) => string | null
  /** The transaction of all rule operations of a commit is not applied; asked only when there are some. */
  readonly rulesFail?: () => string | null
  /**
   * Only the operations in the first N places take effect, and the call throws, as when everything is killed midway.
   * All rules are one: none unless all their operations are among them; forwarding comes last. A fraction (2.5) leaves
   * operation 2 half done where it is more than one line of ip(8): a TAP without alias and group, a bridge without
   * alias. Removals that stand together go at the last of them: until then those cut off are down, in another group.
   */
  readonly commitCut?: () => number | null
  /**
   * ip(8) is killed after the link operations in the first N places: like `commitCut`, but the call answers that all
   * link operations failed, as linuxNet does, and rules and forwarding go on.
   */
  readonly linksCut?: () => number | null
}
