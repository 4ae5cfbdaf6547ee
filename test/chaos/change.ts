import type { Dice } from '../sim/random.ts'
import type { Scene } from './scene.ts'
import type { VmWish, Wish } from './wish.ts'

/** Something that a user, or somebody else, does to a host. */
export interface Change {
  /** Told when something is wrong: what was done to what. */
  readonly name: string
  /** What is wanted from now on. */
  readonly wish: Wish
  /** VMs that may start anew for it, once; no other may. */
  readonly touches: readonly string[]
  /** Whether a controller must answer for it. */
  readonly asks: boolean
  /** Does it. One that asks and is refused throws. */
  act(scene: Scene): Promise<void>
}

/** A kind of change; null when there is nothing that it could be done to. */
export type Draw = (dice: Dice, wish: Wish) => Change | null

/** Names of VMs of a kind. */
export function namesOf({ vms }: Wish, fits: (vm: VmWish) => boolean): readonly string[] {
  return Object.values(vms)
    .filter(fits)
    .map(({ name }) => name)
}
