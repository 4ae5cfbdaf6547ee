import type { Bridge, Machine, MachineEnd, ObjectRef, RuleSets, Tap, Volume } from './host-state.ts'
import type { PowerOff } from './ledger.ts'

/**
 * One step on the host: plain data, safe to repeat. No kind deletes bytes except `deleteVolume`, which is planned only
 * for an object that is cleanly gone and whose policy says so, or for an ephemeral disk of a machine that is not there.
 */
export type Action = ActionHead & Step

export interface ActionHead {
  /** Unique in a plan and the same for the same wish in the next one: `startMachine/<id>`. */
  readonly id: string
  readonly owner: ObjectRef
  /** Ids of actions of this plan that must have succeeded before. */
  readonly after: readonly string[]
  /** Why, in a few words that `moorage plan` shows. */
  readonly because: string
}

export type Step =
  | { readonly kind: 'setForwarding'; readonly value: boolean; readonly recordPrior: boolean }
  | { readonly kind: 'ensureBridge'; readonly bridge: Bridge; readonly mend: readonly LinkMend[] }
  | { readonly kind: 'ensureTap'; readonly tap: Tap; readonly mend: readonly LinkMend[] }
  | { readonly kind: 'removeLink'; readonly name: string; readonly index: number }
  | { readonly kind: 'ensureRules'; readonly change: RulesChange }
  | { readonly kind: 'removeRules' }
  | { readonly kind: 'createVolume'; readonly volume: Volume }
  | { readonly kind: 'attachVolume'; readonly volume: Volume; readonly user: number }
  | { readonly kind: 'deleteVolume'; readonly name: string; readonly ownerUid: string }
  | { readonly kind: 'startMachine'; readonly machine: Machine; readonly reason: StartReason }
  | {
      readonly kind: 'stopMachine'
      readonly uid: string
      readonly machine: string
      readonly powerOff: PowerOff
      /** Milliseconds since the epoch; past it the VMM is ended by force. */
      readonly deadline: number
    }
  | { readonly kind: 'resumeMachine'; readonly uid: string; readonly machine: string }
  | { readonly kind: 'replugNic'; readonly uid: string; readonly machine: string; readonly tap: Tap }
  | {
      /** Writes down how an incarnation ended and clears what is left of it; its VMM is ended when it still is there. */
      readonly kind: 'concludeMachine'
      readonly uid: string
      readonly machine: string
      readonly end: MachineEnd | 'HostRebooted'
      readonly crashes: CrashCount
      /** What its run strategy makes of that end. */
      readonly power: 'on' | 'off'
    }
  | { readonly kind: 'forgetMachine'; readonly uid: string }

/** What is wrong with a link; `add` when it is not there at all. */
export type LinkMend =
  | 'add'
  | 'alias'
  | 'group'
  | 'up'
  | 'mtu'
  | 'master'
  | 'address'
  | { readonly removeAddress: string }

export type RulesChange =
  | { readonly mode: 'replace'; readonly sets: RuleSets }
  | { readonly mode: 'elements'; readonly add: Partial<RuleSets>; readonly remove: Partial<RuleSets> }

export interface CrashCount {
  readonly count: number
  /** Milliseconds since the epoch before which it is not started again. */
  readonly retryAt: number
}

/** Why a machine starts; what `status.restarts.last.reason` shows. `Created` is a first start. */
export const startReasons = [
  'Created',
  'SpecChanged',
  'SecretRotated',
  'ImageChanged',
  'Crashed',
  'GuestShutdown',
  'GuestPanicked',
  'Requested',
  'HostRebooted',
  'NetworkLost',
] as const

export type StartReason = (typeof startReasons)[number]

export type ActionKind = Action['kind']

/** The whole way from what is to what should be: a graph by `after`, listed in an order that satisfies it. */
export interface Plan {
  readonly actions: readonly Action[]
  /** What is wanted and cannot be done, each in a sentence. */
  readonly refusals: readonly Refusal[]
  /** What is waited for: a backoff, a neighbour that restarts, a confirmation. */
  readonly waits: readonly Wait[]
}

export interface Refusal {
  readonly owner: ObjectRef
  /** CamelCase, for a condition. */
  readonly reason: string
  readonly message: string
}

export interface Wait extends Refusal {
  /** Milliseconds since the epoch when it is worth looking again; null when an event will tell. */
  readonly until: number | null
}
