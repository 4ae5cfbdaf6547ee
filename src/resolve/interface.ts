import type { MicroVM } from '../api/microvm.ts'
import { parseAddress } from '../cidr.ts'
import type { ObjectRef } from '../host-state.ts'
import { type Claims, sayRef } from './claims.ts'
import type { Wanted } from './input.ts'
import { macAddress, tapName } from './names.ts'
import { allocate, isHost, type Network } from './network.ts'

/** An interface with nothing left to be derived. */
export interface Interface {
  readonly name: string
  readonly tap: string
  readonly mac: string
  readonly address: string
  readonly network: Network
  readonly antiSpoof: boolean
  readonly ipv6: boolean
}

/** Where an address comes from: given out here, and the one it had before if it is free; or given by somebody else. */
export type Giving =
  | { readonly taken: Set<string>; readonly kept: KeptAddresses; readonly before: Readonly<Record<string, string>> }
  | { readonly given: Readonly<Record<string, string>> }

/** The interfaces of a VM, or why one cannot be had. A conflict is told by `claims`. */
export function resolveInterfaces(
  { object, uid, ref }: Wanted<MicroVM>,
  networks: ReadonlyMap<string, Network>,
  claims: Claims,
  giving: Giving,
): { interfaces: readonly Interface[] } | { problem: string | null } {
  const interfaces: Interface[] = []
  for (const wish of object.spec.interfaces ?? []) {
    const network = networks.get(wish.network.name)
    if (!network)
      return { problem: `interface ${wish.name} is on MicroVMNetwork ${wish.network.name}, which is not there` }
    const address = wish.address ?? addressOf(network, uid, wish.name, giving)
    if (address === null) {
      const why = 'given' in giving ? 'no address is given yet' : `no address is free in ${network.spec.subnet}`
      return { problem: `${why} for interface ${wish.name}` }
    }
    const problem = refuseAddress(network, address)
    if (problem) return { problem }
    const other = holderOf(address, uid, wish.name, giving)
    if (other) return { problem: `address ${address} was given to ${sayRef(other)}; choose another one` }
    const made: Interface = {
      name: wish.name,
      tap: wish.tap ?? tapName(uid, wish.name),
      mac: (wish.mac ?? macAddress(uid, wish.name)).toLowerCase(),
      address,
      network,
      antiSpoof: wish.antiSpoof,
      ipv6: wish.ethertypes?.includes('IPv6') ?? false,
    }
    if (!claimAll(claims, [made], ref)) return { problem: null }
    if ('taken' in giving) giving.taken.add(address)
    interfaces.push(made)
  }
  return { interfaces }
}

/** Who was given an address and keeps it, by address. */
export type KeptAddresses = ReadonlyMap<string, { readonly keeper: string; readonly ref: ObjectRef }>

/** Addresses that interfaces were given before and go on with: nobody else gets them, whatever he asks for. */
export function keptAddresses(
  vms: readonly Wanted<MicroVM>[],
  networks: ReadonlyMap<string, Network>,
  before: (uid: string) => Readonly<Record<string, string>>,
): KeptAddresses {
  const kept = new Map<string, { readonly keeper: string; readonly ref: ObjectRef }>()
  for (const { object, uid, ref, deletion } of vms) {
    if (deletion) continue
    for (const { name, network, address } of object.spec.interfaces ?? []) {
      const [on, last] = [networks.get(network.name), lastOf(before(uid), name)]
      if (address === undefined && on && last !== undefined && isHost(on, last) && !kept.has(last))
        kept.set(last, { keeper: keeper(uid, name), ref })
    }
  }
  return kept
}

function keeper(uid: string, nic: string): string {
  return `${uid}/${nic}`
}

/** An interface may be called `constructor`, which every object answers to. */
function lastOf(before: Readonly<Record<string, string>>, nic: string): string | undefined {
  return Object.hasOwn(before, nic) ? before[nic] : undefined
}

function addressOf(network: Network, uid: string, nic: string, giving: Giving): string | null {
  if ('given' in giving) return lastOf(giving.given, nic) ?? null
  const isOfOthers = (address: string) => holderOf(address, uid, nic, giving) !== undefined
  return allocate(network, giving.taken, lastOf(giving.before, nic), isOfOthers)
}

/** Who else was given an address on this host and keeps it. */
function holderOf(address: string, uid: string, nic: string, giving: Giving): ObjectRef | undefined {
  const holder = 'kept' in giving ? giving.kept.get(address) : undefined
  return holder && holder.keeper !== keeper(uid, nic) ? holder.ref : undefined
}

/** Takes what only one VM may have; false when something is taken. */
export function claimAll(claims: Claims, interfaces: readonly Interface[], ref: ObjectRef): boolean {
  return interfaces.every(
    ({ tap, mac, address }) =>
      claims.take('interface name', tap, ref) && claims.take('MAC', mac, ref) && claims.take('address', address, ref),
  )
}

function refuseAddress(network: Network, address: string): string | null {
  const value = parseAddress(address)
  const size = 2 ** (32 - network.subnet.prefix)
  const first = Math.floor(network.subnet.address / size) * size
  if (value === null || value <= first || value >= first + size - 1) {
    return `address ${address} is not one of a host in ${network.spec.subnet} of MicroVMNetwork ${network.name}`
  }
  if (address === network.gateway) return `address ${address} is the gateway of MicroVMNetwork ${network.name}`
  return null
}
