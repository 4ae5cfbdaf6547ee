import type { RuleSetName, RuleSets } from '../../../host-state.ts'
import { isAddress, isSubnet, linkNamePattern, macPattern } from './names.ts'

/** How one of {@link RuleSets} lies in the kernel. */
export interface SetDefinition {
  readonly family: 'bridge' | 'inet'
  /** Name there; not always the key, `masquerade` is a word of nft(8). */
  readonly name: string
  readonly type: string
  readonly flags?: 'interval'
  /** True for an element as we write it and as the kernel lists it again. */
  readonly accepts: (element: string) => boolean
  /** An example, for those whose element is not accepted. */
  readonly form: string
}

const isLink = (text: string): boolean => linkNamePattern.test(text)
const isMac = (text: string): boolean => macPattern.test(text)

const link = { type: 'ifname', accepts: isLink, form: 'vm-slot1' }
const linkAndMac = { type: 'ifname . ether_addr', accepts: pair(isMac), form: 'vm-slot1 . 02:00:00:00:00:01' }
const linkAndAddress = { type: 'ifname . ipv4_addr', accepts: pair(isAddress), form: 'vm-slot1 . 10.1.0.2' }
const subnet = { type: 'ipv4_addr', flags: 'interval', accepts: isSubnet, form: '10.1.0.0/24' } as const

/** Every set, in the order in which they are rendered. */
export const setDefinitions: Readonly<Record<RuleSetName, SetDefinition>> = {
  portMacs: { family: 'bridge', name: 'portMacs', ...linkAndMac },
  portAddresses: { family: 'bridge', name: 'portAddresses', ...linkAndAddress },
  portUnfiltered: { family: 'bridge', name: 'portUnfiltered', ...link },
  portIPv6: { family: 'bridge', name: 'portIPv6', ...link },
  portIsolated: { family: 'bridge', name: 'portIsolated', ...link },
  gateways: { family: 'inet', name: 'gateways', ...linkAndAddress },
  hostServices: { family: 'inet', name: 'hostServices', ...link },
  hostOpen: { family: 'inet', name: 'hostOpen', ...link },
  outbound: { family: 'inet', name: 'outbound', ...link },
  inbound: { family: 'inet', name: 'inbound', ...link },
  peers: { family: 'inet', name: 'peers', ...link },
  masquerade: { family: 'inet', name: 'masqueraded', ...subnet },
}

/** The keys of {@link RuleSets}, in that order. */
export const ruleSetNames = Object.keys(setDefinitions) as readonly RuleSetName[]

/** Sets without elements. */
export const emptySets: RuleSets = Object.fromEntries(ruleSetNames.map((name) => [name, []])) as unknown as RuleSets

function pair(second: (text: string) => boolean): (element: string) => boolean {
  return (element) => {
    const parts = element.split(' . ')
    return parts.length === 2 && isLink(parts[0]!) && second(parts[1]!)
  }
}
