import { memberOf, textIn } from '../../../src/api/loose.ts'
import type { ApiObject } from '../../../src/kubernetes/resource.ts'
import type { SimHost } from '../host.ts'
import type { SimVmm } from '../world/vmm.ts'
import type { SimCluster } from './cluster.ts'
import type { Operator } from './operator.ts'

/** What the oracles look at, and where they say what is broken. */
export interface Sight {
  readonly cluster: SimCluster
  readonly operator: Operator
  fail(...words: readonly string[]): void
}

/** A VMM that lives, and whose it is. */
export interface Running {
  readonly vmm: SimVmm
  readonly host: SimHost
  /** Of its MicroVM. */
  readonly uid: string
  /** Of its MicroVM, without the namespace. */
  readonly name: string
  /** Milliseconds since the cluster began. */
  readonly since: number
}

/** `-uuid` of a VMM is the uid of its MicroVM. */
export function uidOf({ spec }: SimVmm): string {
  return spec.argv[spec.argv.indexOf('-uuid') + 1] ?? ''
}

export function nodeOf({ status }: ApiObject): string | null {
  return textIn(status, 'nodeName') ?? null
}

export interface Shown {
  readonly type: string
  readonly status: string
  readonly reason: string
  readonly message: string
  readonly observedGeneration?: number
}

/** A condition of an object as the server has it. */
export function conditionOf({ status }: ApiObject, type: string): Shown | undefined {
  const conditions = memberOf(status, 'conditions')
  return Array.isArray(conditions) ? (conditions as Shown[]).find((one) => one.type === type) : undefined
}
