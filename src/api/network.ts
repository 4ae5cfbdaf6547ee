import * as z from 'zod'
import { gatewayInSubnet, ipv4, parseIpv4, parseSubnet, subnet } from './address.ts'
import { integer } from './integer.ts'
import { clusterObject } from './object.ts'
import { isMap, ruled } from './rule.ts'
import { statusOf } from './status.ts'
import { linkName, text } from './text.ts'

// These defaults are part of the version and never change: a network that says nothing is closed, except outwards.
const isolation = z
  .strictObject({
    betweenNetworks: z
      .enum(['Deny', 'Allow'])
      .default('Deny')
      .describe('Whether VMs of other networks of this host may open connections to VMs of this one.'),
    sameNetwork: z
      .enum(['Allow', 'Deny'])
      .default('Allow')
      .describe('Whether VMs of this network may talk to each other.'),
    host: z
      .enum(['DHCPAndDNS', 'Allow', 'Deny'])
      .default('DHCPAndDNS')
      .describe('What VMs may reach on the host itself: DHCP and DNS of this network, everything, or nothing.'),
    outbound: z
      .enum(['Allow', 'Deny'])
      .default('Allow')
      .describe('Whether VMs may open connections that leave the host.'),
    inbound: z
      .enum(['Deny', 'Allow'])
      .default('Deny')
      .describe('Whether connections that come from outside the host may be opened to VMs.'),
  })
  .prefault({})
  .describe('Who may talk to whom. Cloud metadata addresses (169.254.0.0/16) are always out of reach.')

const spec = ruled(
  z.strictObject({
    bridge: linkName()
      .describe('Name of the bridge, at most 15 characters. When absent: derived from the network.')
      .optional(),
    subnet: subnet().describe('IPv4 subnet of the network, /8 to /30, without host bits: 10.1.0.0/24.'),
    gateway: ipv4()
      .describe("The host's address in the subnet. When absent: the first one, 10.1.0.1 in 10.1.0.0/24.")
      .optional(),
    nat: z
      .boolean()
      .describe(
        'Whether connections that leave the host are masqueraded. When absent: false, so somebody else must route.',
      )
      .optional(),
    isolation,
    mtu: integer(576, 9216)
      .describe('Largest packet in bytes on bridge and TAPs, 576 to 9216. When absent: 1500.')
      .optional(),
  }),
  gatewayInSubnet,
)
  .describe('What the network should be.')
  .superRefine(
    (value, context) => {
      const message = gatewayFault(value)
      if (message !== undefined) context.addIssue({ code: 'custom', path: ['gateway'], message })
    },
    { when: () => true },
  )

const status = statusOf({
  bridge: text(15).describe('The bridge on this host.').optional(),
  gateway: text(45).describe("The host's address in the subnet.").optional(),
})

/** One bridge with a subnet, NAT and isolation; real only on hosts where a VM needs it. */
export const microVMNetwork = clusterObject('MicroVMNetwork', spec, status)

/** A MicroVMNetwork as it came through its schema. */
export type MicroVMNetwork = z.infer<typeof microVMNetwork>

/** What a network should be. */
export type MicroVMNetworkSpec = z.infer<typeof spec>

/** Who may talk to whom. */
export type Isolation = z.infer<typeof isolation>

/** What a network is. */
export type MicroVMNetworkStatus = z.infer<typeof status>

/** The gateway must be an address that a host of the subnet can have. Other faults of either are reported apart. */
function gatewayFault(value: unknown): string | undefined {
  if (!isMap(value) || typeof value.subnet !== 'string' || typeof value.gateway !== 'string') return undefined
  const range = parseSubnet(value.subnet)
  const gateway = parseIpv4(value.gateway)
  if (range === undefined || gateway === undefined) return undefined
  if (gateway > range.first && gateway < range.last) return undefined
  return `must be an address of a host in the subnet ${value.subnet}`
}
