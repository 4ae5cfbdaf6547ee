import { until } from '../host/stage-until.ts'
import type { Dice } from '../sim/random.ts'
import { type Change, type Draw, namesOf } from './change.ts'
import { drawVm, remembering, vmNames } from './draw.ts'
import { networks, secretManifest, secrets, secretValue, type VmWish, vmManifest, type Wish } from './wish.ts'

/** What a user does, and how often. */
export const edits: readonly (readonly [number, Draw])[] = [
  [4, addVm],
  [4, removeVm],
  [3, edit('memory', (dice, vm) => ({ memory: other(dice, [16, 17, 18, 19, 20], vm.memory) }))],
  [2, edit('network', (dice, vm) => ({ network: other(dice, networks, vm.network) }))],
  [2, edit('restartToken', (_, vm) => ({ token: vm.token + 1 }))],
  [3, edit('runStrategy', (_, vm) => ({ strategy: vm.strategy === 'Always' ? 'Halted' : 'Always' }), isSteady)],
  [2, edit('credentials', (dice) => ({ secrets: secrets.filter(() => dice.chance(0.5)), file: dice.chance(0.5) }))],
  [4, rotateSecret],
  [2, rotateFile],
  [4, operate],
  [3, deleteState],
]

/** The others keep their strategy: what becomes of their power when it changes is no matter of crashes. */
function isSteady({ strategy }: VmWish): boolean {
  return strategy === 'Always' || strategy === 'Halted'
}

function other<T>(dice: Dice, all: readonly T[], now: T): T {
  return dice.pick(all.filter((one) => one !== now))
}

function addVm(dice: Dice, wish: Wish): Change | null {
  const free = vmNames.filter((name) => !(name in wish.vms))
  if (free.length === 0) return null
  const vm = drawVm(dice, dice.pick(free))
  return writing(`add ${vm.name}`, wish, wish.names.includes(vm.name) ? returning(wish, vm) : vm)
}

/**
 * One of that name may still be going or not yet: so it is none whose start depends on which. It finds its disk again; one
 * that was deleted would have to be waited for.
 */
function returning({ states, deleted }: Wish, vm: VmWish): VmWish {
  const strategy = isSteady(vm) ? vm.strategy : 'Always'
  return { ...vm, strategy, state: states.includes(vm.name) || (vm.state && !deleted.includes(vm.name)) }
}

function edit(
  what: string,
  how: (dice: Dice, vm: VmWish) => Partial<VmWish>,
  fits: (vm: VmWish) => boolean = () => true,
): Draw {
  return (dice, wish) => {
    const vms = Object.values(wish.vms).filter(fits)
    if (vms.length === 0) return null
    const vm = dice.pick(vms)
    return writing(`${what} of ${vm.name}`, wish, { ...vm, ...how(dice, vm) })
  }
}

function writing(name: string, wish: Wish, vm: VmWish): Change {
  const next = remembering({ ...wish, vms: { ...wish.vms, [vm.name]: vm } })
  return {
    name,
    touches: [vm.name],
    asks: false,
    wish: next,
    act: async ({ stage }) => stage.write(`${vm.name}.yaml`, vmManifest(vm)),
  }
}

function removeVm(dice: Dice, wish: Wish): Change | null {
  const names = Object.keys(wish.vms)
  if (names.length === 0) return null
  const name = dice.pick(names)
  const { [name]: _, ...vms } = wish.vms
  return {
    name: `remove ${name}`,
    touches: [name],
    asks: false,
    wish: { ...wish, vms },
    act: async ({ stage }) => stage.remove(`${name}.yaml`),
  }
}

function rotateSecret(dice: Dice, wish: Wish): Change {
  const name = dice.pick(secrets)
  const next = rotated(wish, name)
  return {
    name: `rotate ${name}`,
    touches: namesOf(wish, ({ secrets: named }) => named.includes(name)),
    asks: false,
    wish: next,
    act: async ({ stage, seed }) => stage.write(`${name}.yaml`, secretManifest(seed, next, name)),
  }
}

function rotateFile(_: Dice, wish: Wish): Change {
  const next = rotated(wish, 'f1')
  return {
    name: 'rotate f1',
    touches: namesOf(wish, ({ file }) => file),
    asks: false,
    wish: next,
    act: async (scene) => scene.writeSecretFile(secretValue(scene.seed, 'f1', next.versions.f1!)),
  }
}

function rotated(wish: Wish, source: string): Wish {
  return { ...wish, versions: { ...wish.versions, [source]: wish.versions[source]! + 1 } }
}

/** `moorage start` or `stop` of a Manual VM, or `restart`. */
function operate(dice: Dice, wish: Wish): Change | null {
  const vms = Object.values(wish.vms).filter(({ strategy }) => strategy === 'Manual')
  if (vms.length === 0) return null
  const vm = dice.pick(vms)
  const verb = vm.asked ? dice.pick(['stop', 'restart'] as const) : 'start'
  const next = { ...vm, asked: verb !== 'stop' }
  return {
    name: `${verb} ${vm.name}`,
    touches: [vm.name],
    asks: true,
    wish: { ...wish, vms: { ...wish.vms, [vm.name]: next } },
    async act({ stage }) {
      const { code, stderr } = await stage.moorage(verb, vm.name)
      if (code !== 0) throw new Error(`moorage ${verb} ${vm.name} ended with ${code}: ${stderr.trim()}`)
    },
  }
}

/** `moorage delete` of a state whose VM is not wanted any more. */
function deleteState(dice: Dice, wish: Wish): Change | null {
  const names = wish.states.filter((name) => !(name in wish.vms))
  if (names.length === 0) return null
  const name = dice.pick(names)
  const states = wish.states.filter((one) => one !== name)
  return {
    name: `delete the state of ${name}`,
    touches: [],
    asks: true,
    wish: { ...wish, states, deleted: [...wish.deleted, name] },
    async act({ stage }) {
      // As long as there is a VM with a template, the state comes back.
      const isGone = (vm: unknown) => vm === undefined
      await until('its VM is gone', 20, () => stage.vm(name), isGone)
      const { code, stderr } = await stage.moorage('delete', 'MicroVMState', name)
      if (code !== 0) throw new Error(`moorage delete MicroVMState ${name} ended with ${code}: ${stderr.trim()}`)
    },
  }
}
