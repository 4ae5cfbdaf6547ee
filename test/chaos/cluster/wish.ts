import type { Fields } from '../../host/stage-manifests.ts'
import { restingVm } from '../../kubernetes/images.ts'
import type { Wanted } from '../../kubernetes/rest.ts'

/** A VM as it was applied. */
export interface VmWish extends Wanted {
  readonly network: string
  readonly token: number
}

/** VMs that are wanted, by name. */
export type Wish = Readonly<Record<string, VmWish>>

export const networks = ['n1', 'n2'] as const

/** Names that VMs may have. */
export const vmNames = Array.from({ length: 16 }, (_, index) => `v${index}`)

export function manifestOf({ name, runs, memory, network, token }: VmWish): Fields {
  return restingVm(name, network, {
    runStrategy: runs ? 'Always' : 'Halted',
    restartToken: String(token),
    memory: `${memory}Mi`,
  })
}
