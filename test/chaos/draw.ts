import type { Dice } from '../sim/random.ts'
import { networks, secrets, type VmWish, type Wish } from './wish.ts'

/** Names that VMs may have; so many at most. */
export const vmNames = ['a', 'b', 'c'] as const

/** A host to begin with. */
export function drawWish(dice: Dice): Wish {
  const names = dice.shuffle(vmNames).slice(
    0,
    dice.weighted([
      [1, 0],
      [3, 1],
      [4, 2],
      [2, 3],
    ]),
  )
  const vms = names.map((name) => [name, drawVm(dice, name)] as const)
  const versions = Object.fromEntries([...secrets, 'f1'].map((source) => [source, 1]))
  return remembering({ vms: Object.fromEntries(vms), versions, states: [], deleted: [], names: [], crashed: [] })
}

export function drawVm(dice: Dice, name: string): VmWish {
  return {
    name,
    strategy: dice.weighted([
      [8, 'Always'],
      [1, 'RerunOnFailure'],
      [2, 'Once'],
      [2, 'Manual'],
      [1, 'Halted'],
    ] as const),
    asked: false,
    memory: dice.between(16, 20),
    network: dice.pick(networks),
    secrets: secrets.filter(() => dice.chance(0.4)),
    file: dice.chance(0.3),
    state: dice.chance(0.5),
    graceSeconds: dice.weighted([
      [4, 0],
      [1, 1],
    ]),
    token: 1,
  }
}

/** Remembers the names of its VMs and the states that they ask for. */
export function remembering(wish: Wish): Wish {
  const vms = Object.values(wish.vms)
  const states = vms.flatMap(({ name, state }) => (state ? [name] : []))
  const names = vms.map(({ name }) => name)
  return { ...wish, states: merged(wish.states, states), names: merged(wish.names, names) }
}

function merged(some: readonly string[], more: readonly string[]): readonly string[] {
  return [...new Set([...some, ...more])].sort()
}
