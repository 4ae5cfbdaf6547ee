import { formatIpv4, parseIpv4 } from '../api/address.ts'
import type { ObjectKey } from '../api/meta.ts'
import type { AddressRange, Machine, Network, Reported, Tenant } from './cluster.ts'
import { type Draft, entry, type MachinePlan } from './draft.ts'
import { sayRef } from './say.ts'

/** Addresses for the interfaces of a machine, by interface, and why some get none. */
export interface Choice {
  readonly addresses: ReadonlyMap<string, string>
  /** One sentence each, without a full stop. */
  readonly faults: readonly string[]
}

/**
 * Enters what was given before: first to what is bound, then by age. An address that two have stays with both, since
 * guests use it; it is told.
 */
export function enterGiven(draft: Draft): void {
  const plans = [...draft.plans].sort((a, b) => Number(a.bound === null) - Number(b.bound === null))
  for (const plan of plans) {
    const { machine, addresses, bound } = plan
    for (const { name, network } of machine.interfaces) {
      const address = parseIpv4(addresses.get(name) ?? '')
      if (address === undefined) continue
      const holder = take(draft, network, address, machine.key)
      if (holder === machine.key || bound === null) continue
      const message = `address ${formatIpv4(address)} of network ${network} is also of ${sayRef(holder)}`
      draft.told.push({ ref: machine.ref, message })
    }
  }
  enterUsed(draft)
}

/**
 * What a host still uses after the spec said another address is nobody else's yet. After the spec said another network, only
 * the address itself tells of which network it is.
 */
function enterUsed(draft: Draft): void {
  for (const { machine, bound } of draft.plans) {
    if (bound === null) continue
    const there = reportOf(draft, machine, bound)
    for (const [name, text] of [...machine.addresses, ...(there?.addresses ?? [])]) {
      const address = parseIpv4(text)
      const own = machine.interfaces.find((each) => each.name === name)?.network
      if (address === undefined) continue
      for (const network of networksOf(draft, own, address)) take(draft, network.ref.name, address, machine.key)
    }
  }
}

function networksOf({ cluster, networks }: Draft, own: string | undefined, address: number): readonly Network[] {
  const named = networks.get(own ?? '')
  if (named !== undefined && isUsable(named, address)) return [named]
  return cluster.networks.filter((network) => isUsable(network, address))
}

/** What the host that a machine is bound to says of it; undefined while it says nothing. */
export function reportOf(
  { hosts }: Pick<Draft, 'hosts'>,
  { uid }: Machine,
  bound: MachinePlan['bound'],
): Reported | undefined {
  return bound === null ? undefined : hosts.get(bound.node)?.machines?.get(uid)
}

/** Takes an address, and answers whose it is: of who was first. */
function take(draft: Draft, network: string, address: number, key: ObjectKey): ObjectKey {
  return entry(
    entry(draft.taken, network, () => new Map()),
    address,
    () => key,
  )
}

/** Gives a machine what was chosen for it. */
export function give(draft: Draft, plan: MachinePlan, addresses: ReadonlyMap<string, string>): void {
  plan.addresses = addresses
  for (const { name, network } of plan.machine.interfaces) {
    const address = parseIpv4(addresses.get(name) ?? '')
    if (address !== undefined) take(draft, network, address, plan.machine.key)
  }
}

/** Addresses that specs ask for, by network: they are given to nobody else as long as another one is free. */
export function wishedAddresses({ plans, tenants }: Draft): ReadonlyMap<string, ReadonlySet<number>> {
  const wished = new Map<string, Set<number>>()
  for (const { machine } of plans) {
    const tenant = tenants.get(machine.ref.namespace)
    for (const { network, address } of machine.interfaces) {
      const value = parseIpv4(address ?? '')
      // Who may not have it may not keep others from it either.
      if (value === undefined || !tenant?.allowed.networks.has(network) || !inRanges(tenant, network, value)) continue
      entry(wished, network, () => new Set()).add(value)
    }
  }
  return wished
}

/** Chooses an address for each interface: what the spec says, else what it has, else the lowest that is free. */
export function chooseAddresses(
  draft: Draft,
  { machine, addresses, bound }: MachinePlan,
  wished: ReadonlyMap<string, ReadonlySet<number>>,
): Choice {
  const chosen = new Map<string, string>()
  const faults: string[] = []
  const mine = new Set<string>()
  for (const { name, network: networkName, address } of machine.interfaces) {
    const network = draft.networks.get(networkName)
    const tenant = draft.tenants.get(machine.ref.namespace)
    const has = addresses.get(name)
    const keep = (fault: string) => {
      faults.push(`interface ${name}: ${fault}`)
      // A guest that runs uses it, whatever has become of the network since.
      if (has !== undefined && bound !== null) chosen.set(name, has)
    }
    if (network === undefined) {
      keep(`there is no MicroVMNetwork ${networkName}`)
      continue
    }
    const isFree = (value: number) => {
      const holder = draft.taken.get(networkName)?.get(value)
      return (holder === undefined || holder === machine.key) && !mine.has(`${networkName} ${value}`)
    }
    const found =
      address === null
        ? (kept(network, has, isFree, bound !== null) ??
          lowest(network, tenant?.ranges.get(networkName), (value) => {
            return isFree(value) && !wished.get(networkName)?.has(value)
          }) ??
          lowest(network, tenant?.ranges.get(networkName), isFree) ??
          `no address of network ${networkName} is free`)
        : asked(draft, machine, network, tenant, address, has, isFree)
    if (typeof found === 'string') keep(found)
    else {
      chosen.set(name, formatIpv4(found))
      mine.add(`${networkName} ${found}`)
    }
  }
  return { addresses: chosen, faults }
}

function kept(
  network: Network,
  has: string | undefined,
  isFree: (value: number) => boolean,
  isBound: boolean,
): number | undefined {
  const value = parseIpv4(has ?? '')
  if (value === undefined || !isUsable(network, value)) return undefined
  return isBound || isFree(value) ? value : undefined
}

function asked(
  draft: Draft,
  machine: Machine,
  network: Network,
  tenant: Tenant | undefined,
  address: string,
  has: string | undefined,
  isFree: (value: number) => boolean,
): number | string {
  const { name } = network.ref
  const value = parseIpv4(address)
  if (value === undefined || !isUsable(network, value)) {
    return `address ${address} is not one that a VM can have in network ${name}`
  }
  if (has === address && draft.taken.get(name)?.get(value) === machine.key) return value
  if (!inRanges(tenant, name, value)) {
    return `MicroVMTenant ${machine.ref.namespace} has no right to address ${address} of network ${name}`
  }
  if (isFree(value)) return value
  const holder = draft.taken.get(name)?.get(value)
  return `address ${address} of network ${name} is of ${holder === undefined ? 'another interface' : sayRef(holder)}`
}

function isUsable({ first, last, gateway }: Network, value: number): boolean {
  return value > first && value < last && value !== gateway
}

function inRanges(tenant: Tenant | undefined, network: string, value: number): boolean {
  const ranges = tenant?.ranges.get(network)
  return ranges === undefined || ranges.some(({ first, last }) => value >= first && value <= last)
}

/** At most as many steps as addresses are taken or wished, and one. */
function lowest(
  network: Network,
  ranges: readonly AddressRange[] | undefined,
  isFree: (value: number) => boolean,
): number | undefined {
  const within = ranges ?? [{ first: network.first, last: network.last }]
  for (const range of [...within].sort((a, b) => a.first - b.first)) {
    const last = Math.min(range.last, network.last - 1)
    for (let value = Math.max(range.first, network.first + 1); value <= last; value++) {
      if (value !== network.gateway && isFree(value)) return value
    }
  }
  return undefined
}
