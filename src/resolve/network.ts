import type { Refusal } from '../action.ts'
import type { MicroVMNetwork } from '../api/network.ts'
import { bounds, type Cidr, formatAddress, overlaps, parseAddress, parseCidr } from '../cidr.ts'
import type { ObjectRef } from '../host-state.ts'
import type { Claims } from './claims.ts'
import { sayRef } from './claims.ts'
import type { Wanted } from './input.ts'
import { bridgeName } from './names.ts'

/** A network with nothing left to be derived. */
export interface Network {
  readonly ref: ObjectRef
  readonly name: string
  readonly bridge: string
  readonly subnet: Cidr
  /** `10.1.0.1` */
  readonly gateway: string
  readonly spec: MicroVMNetwork['spec']
}

/**
 * Networks by name. One that overlaps an older one, or wants its bridge, is refused. One in deletion lives on while VMs
 * are on it: a bridge is only ever realised for them.
 */
export function resolveNetworks(
  wanted: readonly Wanted<MicroVMNetwork>[],
  claims: Claims,
): { networks: ReadonlyMap<string, Network>; refusals: readonly Refusal[] } {
  const networks = new Map<string, Network>()
  const refusals: Refusal[] = []
  for (const { object, ref } of wanted) {
    const network = shape(object, ref)
    const other = [...networks.values()].find((one) => overlaps(one.subnet, network.subnet))
    if (other) {
      refusals.push({
        owner: ref,
        reason: 'Conflict',
        message: `subnet ${object.spec.subnet} overlaps ${other.spec.subnet} of ${sayRef(other.ref)}; choose another one`,
      })
      continue
    }
    if (!claims.take('bridge', network.bridge, ref)) continue
    // A TAP and a bridge are both links.
    if (!claims.take('interface name', network.bridge, ref)) continue
    networks.set(network.name, network)
  }
  return { networks, refusals }
}

function shape(object: MicroVMNetwork, ref: ObjectRef): Network {
  const { spec, metadata } = object
  // The schema has checked it.
  const subnet = parseCidr(spec.subnet)!
  return {
    ref,
    name: metadata.name,
    bridge: spec.bridge ?? bridgeName(metadata.name),
    subnet,
    gateway: spec.gateway ?? formatAddress(bounds(subnet).first + 1),
    spec,
  }
}

/** Whether a guest on that network can have that address. */
export function isHost({ subnet, gateway }: Network, address: string): boolean {
  const { first, last } = bounds(subnet)
  const value = parseAddress(address)
  return value !== null && value > first && value < last && address !== gateway
}

/**
 * An address for each interface that names none: the one it had, else the lowest that is free. Null when the subnet is
 * full.
 */
export function allocate(
  network: Network,
  taken: ReadonlySet<string>,
  before: string | undefined,
  keptByOthers: (address: string) => boolean = () => false,
): string | null {
  const { first, last } = bounds(network.subnet)
  const usable = (address: string) => isHost(network, address) && !taken.has(address) && !keptByOthers(address)
  if (before !== undefined && usable(before)) return before
  for (let value = first + 1; value < last; value++) {
    const address = formatAddress(value)
    if (usable(address)) return address
  }
  return null
}
