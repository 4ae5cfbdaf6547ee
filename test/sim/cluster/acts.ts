import { count } from '../faults.ts'
import type { SimHost } from '../host.ts'
import type { Dice } from '../random.ts'
import type { SimCluster } from './cluster.ts'
import { plainVm, team, type WantedVm } from './objects.ts'
import type { Operator } from './operator.ts'

/** Names of VMs. */
const names = ['a', 'b', 'c', 'd', 'e'] as const

type Act = (operator: Operator, cluster: SimCluster, dice: Dice) => unknown

/** What people do, and how often. False: there was nothing to do it to. */
const acts: Readonly<Record<string, readonly [number, Act]>> = {
  'VM made': [10, (operator, _, dice) => onFree(operator, dice, (name) => operator.apply(name, someVm(dice, name)))],
  'VM edited': [8, edit],
  'VM deleted': [4, (operator, _, dice) => onSome(operator, dice, (name) => operator.delete(name))],
  'VM replaced': [4, (operator, _, dice) => onSome(operator, dice, (name, vm) => operator.recreate(name, vm))],
  'VM replaced by force': [3, (operator, _, dice) => onSome(operator, dice, (name, vm) => operator.force(name, vm))],
  'Secret rotated': [4, (operator, _, dice) => operator.rotate(dice.pick(['s1', 's2']))],
  'VM annotated': [
    2,
    (operator, _, dice) => onSome(operator, dice, (name) => operator.annotate(name, `${dice.next()}`)),
  ],
  'rollout changed': [3, (operator, _, dice) => operator.setRollout(dice.pick([null, 1, 1, 2]))],
  'quota changed': [2, (operator, _, dice) => operator.setQuota(dice.pick([null, null, 2, 4]))],
  'network replaced': [1, (operator, _, dice) => operator.recreateNetwork(dice.pick([...operator.networks]))],
  'host tainted': [
    2,
    (operator, cluster, dice) => {
      const { name } = dice.pick(cluster.hosts)
      operator.taint(name, !operator.tainted.has(name))
      return true
    },
  ],
  'host reboots': [2, (operator, cluster, dice) => onHost(operator, cluster, dice, (host) => operator.reboot(host))],
  'host turned off': [3, turnOff],
  'host fenced': [6, fence],
  'host turned on': [5, turnOn],
  'VMM killed': [2, killVmm],
}

export const actKinds: readonly string[] = Object.keys(acts)

/** A few VMs at once, as one who installs everything does. */
export function populate(operator: Operator, dice: Dice): void {
  for (const name of names.slice(0, dice.between(0, 3))) operator.apply(name, someVm(dice, name))
  if (dice.chance(0.5)) operator.setRollout(1)
}

/** Somebody does something. */
export function act(operator: Operator, cluster: SimCluster, dice: Dice): void {
  const kind = dice.weighted(Object.entries(acts).map(([name, [weight]]) => [weight, name] as const))
  if (acts[kind]![1](operator, cluster, dice) !== false) count(cluster.tally, kind)
}

function someVm(dice: Dice, name: string): WantedVm {
  return {
    ...plainVm,
    network: dice.pick(['n1', 'n1', 'n2']),
    memory: dice.pick([64, 80]),
    strategy: dice.chance(0.1) ? 'Halted' : 'Always',
    state: dice.chance(0.3) ? `state-${name}` : null,
    secret: dice.pick([null, 's1', 's1', 's2']),
    app: dice.chance(0.5),
    probe: dice.chance(0.5),
    pin: dice.chance(0.1) ? 'node-a' : null,
  }
}

function onFree(operator: Operator, dice: Dice, run: (name: string) => void): boolean {
  const free = names.filter((name) => !operator.vms.has(name))
  if (free.length === 0) return false
  run(dice.pick(free))
  return true
}

function onSome(operator: Operator, dice: Dice, run: (name: string, vm: WantedVm) => void): boolean {
  if (operator.vms.size === 0) return false
  const [name, vm] = dice.pick([...operator.vms])
  run(name, vm)
  return true
}

/** One that is on. */
function onHost(operator: Operator, { hosts }: SimCluster, dice: Dice, run: (host: SimHost) => void): boolean {
  const on = hosts.filter(({ name }) => !operator.off.has(name))
  if (on.length === 0) return false
  run(dice.pick(on))
  return true
}

function edit(operator: Operator, _: SimCluster, dice: Dice): boolean {
  return onSome(operator, dice, (name, vm) => {
    const other = someVm(dice, name)
    const field = dice.pick(['memory', 'strategy', 'secret', 'app', 'probe', 'token', 'network'] as const)
    operator.apply(name, field === 'token' ? { ...vm, token: vm.token + 1 } : { ...vm, [field]: other[field] })
  })
}

/** One stays on: without any there is nothing to see. */
function turnOff(operator: Operator, cluster: SimCluster, dice: Dice): boolean {
  if (operator.off.size + 1 >= cluster.hosts.length) return false
  return onHost(operator, cluster, dice, (host) => operator.turnOff(host))
}

function fence(operator: Operator, _: SimCluster, dice: Dice): boolean {
  const open = [...operator.off].filter((name) => !operator.fenced.has(name))
  if (open.length === 0) return false
  operator.fence(dice.pick(open), dice.pick(['delete', 'taint']))
  return true
}

function turnOn(operator: Operator, cluster: SimCluster, dice: Dice): boolean {
  const [name] = dice.shuffle([...operator.off])
  if (name === undefined) return false
  operator.turnOn(cluster.host(name)!)
  // Whoever brings it back takes its taint off a while later.
  cluster.clock.after(dice.between(0, 100_000), () => {
    if (!operator.off.has(name)) operator.unfence(name)
  })
  return true
}

function killVmm(operator: Operator, cluster: SimCluster, dice: Dice): boolean {
  const all = cluster.hosts.flatMap((host) => host.process.vmms().map((vmm) => ({ host, vmm })))
  if (all.length === 0) return false
  const { host, vmm } = dice.pick(all)
  operator.killVmm(host, vmm.pid, vmm.name.replace(`${team}.`, ''))
  return true
}
