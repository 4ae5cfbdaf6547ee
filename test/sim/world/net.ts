import type { Link, NetState, ObservedRules, RuleSetName } from '../../../src/host-state.ts'
import type { RootIdentity } from '../../../src/ledger.ts'
import type { Clock } from '../../../src/world/clock.ts'
import { outcomesOf } from '../../../src/world/linux/net/outcome.ts'
import type { Net, NetOperation, NetOutcome } from '../../../src/world/net.ts'
import { commitAll } from './net-commit.ts'
import type { NetFaults } from './net-faults.ts'
import { type NewDevice, SimLinks, type Words } from './net-links.ts'
import { Oversight } from './net-oversight.ts'
import { noTables, observe, type Tables, Transaction } from './net-rules.ts'
import type { Taps } from './taps.ts'

export type { NetFaults } from './net-faults.ts'
export type { NewDevice } from './net-links.ts'

export interface SimNetOptions {
  readonly root: RootIdentity
  /** Needed when a fault takes time. */
  readonly clock?: Clock
  /** After every change of links and addresses, or of rules, by whomever; ip_forward is told as links are. */
  readonly changed?: (what: 'links' | 'rules') => void
}

/** A base chain of somebody else that sees forwarded packets. */
export interface ForeignTable {
  /** Default `inet`. */
  readonly family?: 'ip' | 'ip6' | 'inet' | 'bridge'
  readonly table: string
  readonly chain: string
  /** Default `drop`. */
  readonly policy?: 'accept' | 'drop'
}

/**
 * The kernel's links, addresses, rules and ip_forward of one network namespace, in memory: the port of one controller,
 * the TAPs for VMMs, the hands of everybody else on the host, and what an oracle wants to see. Without latency a call
 * takes effect before it returns its promise.
 */
export class SimNet implements Net, Taps {
  /** May be replaced at any time. */
  faults: NetFaults = {}
  readonly #root: RootIdentity
  readonly #clock: Clock | undefined
  readonly #changed: (what: 'links' | 'rules') => void
  readonly #reference: string
  readonly #links: SimLinks
  readonly #oversight: Oversight
  #tables: Tables = noTables
  #foreign: readonly ForeignTable[] = []
  #alterations = 0
  #rules: ObservedRules | null = null
  #forwarding = false

  /** Commits so far. */
  commits = 0

  constructor({ root, clock, changed = () => {} }: SimNetOptions) {
    this.#root = root
    this.#clock = clock
    this.#changed = changed
    this.#reference = `chains of ${root.id}`
    this.#links = new SimLinks(() => changed('links'))
    this.#oversight = new Oversight(root, this.#links)
  }

  // --- the port ---

  async dump(signal: AbortSignal): Promise<NetState> {
    signal.throwIfAborted()
    const rest = this.#latency()
    if (rest > 0) await this.#sleepHalf(rest, signal)
    const words = this.faults.dumpFails?.() ?? null
    const state = { forwarding: this.#forwarding, links: this.links(), rules: this.rules() }
    if (rest > 0) await this.#sleepRest(rest, signal)
    if (words !== null) throw new Error(words)
    this.#oversight.shown(state.links)
    return state
  }

  async commit(operations: readonly NetOperation[], signal: AbortSignal): Promise<readonly NetOutcome[]> {
    signal.throwIfAborted()
    if (operations.length === 0) return []
    this.commits += 1
    const rest = this.#latency()
    if (rest > 0) await this.#sleepHalf(rest, signal)
    const cut = this.faults.commitCut?.() ?? null
    const outcomes = outcomesOf(operations.length)
    commitAll(
      {
        root: this.#root,
        links: this.#links,
        tables: this.#tables,
        faults: this.faults,
        cut,
        about: (operation) => this.#oversight.about(operation),
        load: (tables) => this.#load(tables),
        forward: (value) => this.setForwarding(value),
      },
      operations,
      outcomes,
    )
    if (rest > 0) await this.#sleepRest(rest, signal)
    if (cut !== null) throw new Error(`the commit was cut short at operation ${cut}`)
    return outcomes.list()
  }

  // --- VMMs ---

  open(name: string, user: number, lost: () => void): () => void {
    const device = this.#links.get(name)
    if (device === undefined) {
      throw new Error(user === 0 ? 'SimNet makes no TAP for root' : 'Operation not permitted')
    }
    if (device.kind !== 'tun') throw new Error('Invalid argument')
    if (user !== 0 && device.user !== null && device.user !== user) throw new Error('Operation not permitted')
    if (device.holder !== null) throw new Error('Device or resource busy')
    const holder = { lost }
    this.#links.hold(device, holder)
    return () => {
      if (device.holder === holder) this.#links.hold(device, null)
    }
  }

  // --- somebody else on the host; each throws in the kernel's words ---

  /** A bridge frees its ports, a TAP that is open calls `lost`. */
  deleteLink(name: string): void {
    must(this.#links.remove(name))
  }

  addLink(link: NewDevice): void {
    must(this.#links.make(link))
  }

  setDown(name: string): void {
    must(this.#links.setUp(name, false))
  }

  setUp(name: string): void {
    must(this.#links.setUp(name, true))
  }

  /** Puts it on another bridge. */
  putOnBridge(name: string, bridge: string): void {
    must(this.#links.setMaster(name, bridge))
  }

  takeOffBridge(name: string): void {
    must(this.#links.removeMaster(name))
  }

  /** Empty: wiped. */
  setAlias(name: string, alias: string): void {
    must(this.#links.setAlias(name, alias))
  }

  setGroup(name: string, group: number): void {
    must(this.#links.setGroup(name, group))
  }

  setMtu(name: string, mtu: number): void {
    must(this.#links.setMtu(name, mtu))
  }

  /** CIDR text. */
  addAddress(name: string, address: string): void {
    must(this.#links.addAddress(name, address))
  }

  /** CIDR text; the secondary addresses of its subnet go with a primary one. */
  removeAddress(name: string, address: string): void {
    must(this.#links.removeAddress(name, address))
  }

  /** `nft flush ruleset`: everybody's tables go. */
  flushRuleset(): void {
    this.#set(noTables, [])
  }

  /** One of them or both. */
  deleteOurTables(family?: 'bridge' | 'inet'): void {
    this.#load(family === undefined ? noTables : { ...this.#tables, [family]: null })
  }

  removeElement(set: RuleSetName, element: string): void {
    const transaction = new Transaction(this.#tables)
    must(transaction.delete(set, element))
    this.#load(transaction.tables)
  }

  addElement(set: RuleSetName, element: string): void {
    const transaction = new Transaction(this.#tables)
    must(transaction.add(set, element))
    this.#load(transaction.tables)
  }

  /** Adds a rule to a chain of ours: the digest differs until the table is made anew. */
  alterChains(family: 'bridge' | 'inet'): void {
    const table = this.#tables[family]
    if (table === null) throw new Error('No such file or directory')
    this.#alterations += 1
    this.#load({ ...this.#tables, [family]: { ...table, altered: this.#alterations } })
  }

  addForeignTable(table: ForeignTable): void {
    this.#set(this.#tables, [...this.#foreign, table])
  }

  setForwarding(value: boolean): void {
    if (this.#forwarding === value) return
    this.#forwarding = value
    this.#changed('links')
  }

  // --- for oracles ---

  /** Every link by name; the same array until something changes. */
  links(): readonly Link[] {
    return this.#links.list()
  }

  /** Our tables (see ObservedRules), and who drops what is forwarded; the same until it changes. */
  rules(): ObservedRules {
    this.#rules ??= observe(this.#tables, this.#reference, this.#foreign.flatMap(dropping))
    return this.#rules
  }

  /** ip_forward. */
  get forwarding(): boolean {
    return this.#forwarding
  }

  /** Tables of others, in the order in which they were made. */
  get foreignTables(): readonly ForeignTable[] {
    return this.#foreign
  }

  /** True when the port was ever told to change a link that it could know not to be ours. */
  get foreignChanged(): boolean {
    return this.violations.length > 0
  }

  /** Each such change, as a sentence. */
  get violations(): readonly string[] {
    return this.#oversight.violations
  }

  /** Changes by name to a link that became somebody else's after the last dump: nobody could know. */
  get races(): readonly string[] {
    return this.#oversight.races
  }

  #load(tables: Tables): void {
    this.#set(tables, this.#foreign)
  }

  #set(tables: Tables, foreign: readonly ForeignTable[]): void {
    if (tables === this.#tables && foreign === this.#foreign) return
    this.#tables = tables
    this.#foreign = foreign
    this.#rules = null
    this.#changed('rules')
  }

  #latency(): number {
    const latency = this.faults.latency?.() ?? 0
    if (latency > 0 && this.#clock === undefined) throw new Error('SimNet needs a clock for a latency')
    return latency
  }

  async #sleepHalf(latency: number, signal: AbortSignal): Promise<void> {
    const half = Math.floor(latency / 2)
    if (half > 0) await this.#clock?.sleep(half, signal)
  }

  async #sleepRest(latency: number, signal: AbortSignal): Promise<void> {
    await this.#clock?.sleep(latency - Math.floor(latency / 2), signal)
  }
}

function dropping({ family = 'inet', table, chain, policy = 'drop' }: ForeignTable): readonly string[] {
  return policy === 'drop' && family !== 'ip6' ? [`${family} ${table} ${chain}`] : []
}

function must(words: Words): void {
  if (words !== null) throw new Error(words)
}
