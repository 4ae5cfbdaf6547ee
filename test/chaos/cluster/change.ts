import { type Fields, yaml } from '../../host/stage-manifests.ts'
import { until } from '../../host/stage-until.ts'
import type { Installation } from '../../kubernetes/installation.ts'
import type { Dice } from '../../sim/random.ts'
import { manifestOf, networks, type VmWish, vmNames, type Wish } from './wish.ts'

/** Something that a user of a cluster, or somebody on one of its hosts, does. */
export interface Change {
  /** Told when something is wrong: what was done to what. */
  readonly name: string
  /** What is wanted from now on. */
  readonly wish: Wish
  /** VMs that may start anew for it, once; no other may. */
  readonly touches: readonly string[]
  /** Does it; what a server that is away does not take, it is asked again. */
  act(installation: Installation): Promise<void>
}

type Draw = (dice: Dice, wish: Wish) => Change | null

/** The next change of a run. The same dice and wish give the same. */
export function drawChange(dice: Dice, wish: Wish): Change {
  for (;;) {
    const change = dice.weighted(draws)(dice, wish)
    if (change !== null) return change
  }
}

export function drawVm(dice: Dice, name: string): VmWish {
  return { name, runs: dice.chance(0.9), memory: dice.between(16, 20), network: dice.pick(networks), token: 1 }
}

const draws: readonly (readonly [number, Draw])[] = [
  [5, addSome],
  [3, removeSome],
  [
    3,
    edit('memory', (dice, { memory }) => ({ memory: dice.pick([16, 17, 18, 19, 20].filter((mib) => mib !== memory)) })),
  ],
  [2, edit('restartToken', (_, { token }) => ({ token: token + 1 }))],
  [2, edit('runStrategy', (_, { runs }) => ({ runs: !runs }))],
  [2, deleteTap],
  [2, killVmm],
]

function addSome(dice: Dice, wish: Wish): Change | null {
  const free = vmNames.filter((name) => !(name in wish))
  if (free.length === 0) return null
  const fresh = dice
    .shuffle(free)
    .slice(0, dice.between(1, 6))
    .map((name) => drawVm(dice, name))
  const names = fresh.map(({ name }) => name)
  return {
    name: `add ${names}`,
    touches: names,
    wish: { ...wish, ...Object.fromEntries(fresh.map((vm) => [vm.name, vm])) },
    async act(installation) {
      // What is applied to one that goes is lost with it.
      const isFree = async () => (await installation.vms()).every(({ metadata }) => !names.includes(metadata.name))
      await until(`the names ${names} are free`, patience, isFree)
      await apply(installation, ...fresh.map(manifestOf))
    },
  }
}

function removeSome(dice: Dice, wish: Wish): Change | null {
  const there = Object.keys(wish)
  if (there.length === 0) return null
  const names = dice.shuffle(there).slice(0, dice.between(1, 3))
  return {
    name: `remove ${names}`,
    touches: names,
    wish: Object.fromEntries(Object.entries(wish).filter(([name]) => !names.includes(name))),
    async act({ cluster }) {
      const args = ['--wait=false', '--ignore-not-found', '--request-timeout=5s']
      await insist(`${names} are deleted`, () => cluster.kubectl('delete', 'microvm', ...names, ...args))
    },
  }
}

function edit(what: string, how: (dice: Dice, vm: VmWish) => Partial<VmWish>): Draw {
  return (dice, wish) => {
    const vms = Object.values(wish)
    if (vms.length === 0) return null
    const vm = dice.pick(vms)
    const next = { ...vm, ...how(dice, vm) }
    return {
      name: `${what} of ${vm.name}`,
      touches: [vm.name],
      wish: { ...wish, [vm.name]: next },
      act: (installation) => apply(installation, manifestOf(next)),
    }
  }
}

/** On whichever host it is; it may be on none yet. */
function deleteTap(dice: Dice, wish: Wish): Change | null {
  const names = Object.keys(wish)
  if (names.length === 0) return null
  const name = dice.pick(names)
  return {
    name: `delete the TAP of ${name}`,
    touches: [name],
    wish,
    async act({ nodes }) {
      for (const { stage } of nodes) await stage.net.run(['ip', 'link', 'del', 'dev', `vm-${name}`])
    },
  }
}

function killVmm(dice: Dice, wish: Wish): Change | null {
  const names = Object.keys(wish)
  if (names.length === 0) return null
  const name = dice.pick(names)
  return {
    name: `kill the VMM of ${name}`,
    touches: [name],
    wish,
    async act({ nodes }) {
      const vmms = nodes.flatMap(({ stage }) => stage.vmms())
      for (const { name: vmm, pid } of vmms) if (vmm === `default.${name}`) process.kill(pid, 'SIGKILL')
    },
  }
}

/** Seconds that somebody goes on asking. */
const patience = 120

function apply({ cluster }: Installation, ...objects: readonly Fields[]): Promise<void> {
  return insist('it is applied', () => cluster.apply(yaml(...objects)))
}

function insist(what: string, work: () => Promise<unknown>): Promise<void> {
  return until(what, patience, async () => {
    await work()
    return true
  }).then(() => {})
}
