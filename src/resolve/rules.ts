import { networkOf } from '../cidr.ts'
import type { RuleSets } from '../host-state.ts'
import type { Interface } from './interface.ts'
import type { Network } from './network.ts'

/** The elements of our nftables sets for these networks and ports; see {@link RuleSets}. */
export function ruleSetsOf(networks: readonly Network[], interfaces: readonly Interface[]): RuleSets {
  const bridges = (holds: (isolation: Network['spec']['isolation']) => boolean) =>
    networks.filter((network) => holds(network.spec.isolation)).map((network) => network.bridge)
  const ports = (holds: (one: Interface) => boolean) => interfaces.filter(holds).map((one) => one.tap)
  const sets: RuleSets = {
    portMacs: interfaces.filter((one) => one.antiSpoof).map((one) => `${one.tap} . ${one.mac}`),
    portAddresses: interfaces.filter((one) => one.antiSpoof).map((one) => `${one.tap} . ${one.address}`),
    portUnfiltered: ports((one) => !one.antiSpoof),
    portIPv6: ports((one) => one.ipv6),
    portIsolated: ports((one) => one.network.spec.isolation.sameNetwork === 'Deny'),
    gateways: networks.map((network) => `${network.bridge} . ${network.gateway}`),
    hostServices: bridges((isolation) => isolation.host === 'DHCPAndDNS'),
    hostOpen: bridges((isolation) => isolation.host === 'Allow'),
    outbound: bridges((isolation) => isolation.outbound === 'Allow'),
    inbound: bridges((isolation) => isolation.inbound === 'Allow'),
    peers: bridges((isolation) => isolation.betweenNetworks === 'Allow'),
    masquerade: networks.filter((network) => network.spec.nat).map((network) => networkOf(network.subnet)),
  }
  return Object.fromEntries(
    Object.entries(sets).map(([name, elements]) => [name, elements.toSorted()]),
  ) as unknown as RuleSets
}
