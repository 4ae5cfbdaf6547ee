import type { AnyObject } from '../../src/api/kinds.ts'
import { API_VERSION } from '../../src/api/meta.ts'
import type { SimHost } from './host.ts'
import type { Dice } from './random.ts'
import type { Site } from './site.ts'
import { changedVm, networkNames, someVm, vmNames, type Wanted } from './wanted.ts'

const never = new AbortController().signal

/** One change of mind of the operator, drawn from the dice. */
export function operate(site: Site, host: SimHost, dice: Dice, when: 'first' | 'later' = 'later'): void {
  if (when === 'first') {
    for (const name of vmNames) if (dice.chance(0.7)) site.want(withVm(site.wanted, name, dice))
    return
  }
  const there = Object.keys(site.wanted.vms)
  const change = dice.weighted<() => Wanted>([
    [4, () => withVm(site.wanted, dice.pick(vmNames), dice)],
    [4, () => edited(site.wanted, there, dice)],
    [2, () => without(site.wanted, there, dice)],
    [2, () => ({ ...site.wanted, secret: site.wanted.secret + 1 })],
    [1, () => ({ ...site.wanted, file: site.wanted.file + 1 })],
    [1, () => ({ ...site.wanted, kernel: site.wanted.kernel + 1 })],
    [1, () => withNetwork(site.wanted, dice)],
    [
      2,
      () => {
        ask(site.wanted, host, there, dice)
        return site.wanted
      },
    ],
  ])
  site.want(change())
}

function withVm(wanted: Wanted, name: string, dice: Dice): Wanted {
  return { ...wanted, vms: { ...wanted.vms, [name]: someVm(dice, Object.keys(wanted.networks)) } }
}

function edited(wanted: Wanted, there: readonly string[], dice: Dice): Wanted {
  if (there.length === 0) return wanted
  const name = dice.pick(there)
  return { ...wanted, vms: { ...wanted.vms, [name]: changedVm(wanted.vms[name]!, dice, Object.keys(wanted.networks)) } }
}

function without(wanted: Wanted, there: readonly string[], dice: Dice): Wanted {
  if (there.length === 0) return wanted
  const { [dice.pick(there)]: _gone, ...vms } = wanted.vms
  return { ...wanted, vms }
}

/** A network more or less, or one that changes; those that VMs are on may go, too. */
function withNetwork(wanted: Wanted, dice: Dice): Wanted {
  const name = dice.pick(networkNames)
  if (wanted.networks[name] === undefined || dice.chance(0.5)) {
    return { ...wanted, networks: { ...wanted.networks, [name]: { nat: dice.chance(0.5) } } }
  }
  const { [name]: _gone, ...networks } = wanted.networks
  return Object.keys(networks).length === 0 ? wanted : { ...wanted, networks }
}

/** `moorage start`, `stop` or `restart`. */
function ask(_: Wanted, host: SimHost, there: readonly string[], dice: Dice): void {
  const { controller } = host
  if (controller === null || there.length === 0) return
  const type = dice.pick(['Start', 'Stop', 'Restart'] as const)
  const name = dice.pick(there)
  const id = dice.next().toString(36)
  const object = {
    apiVersion: API_VERSION,
    kind: 'MicroVMOperation',
    metadata: { name: `${name}-${id}`, namespace: 'default' },
    spec: { type, microVM: { name }, ttlSeconds: 600 },
  } as AnyObject
  host.note(`operator: ${type} ${name}`)
  controller.put([object], never).then(
    () => controller.wakeups.wake('asked'),
    (error: Error) => host.note(`operator: ${type} ${name} was refused: ${error.message}`),
  )
}
