import * as z from 'zod'
import { ipv4, mac } from './address.ts'
import { keyedList, setOf } from './list.ts'
import { nameRef } from './ref.ts'
import { label, linkName } from './text.ts'

const networkInterface = z.strictObject({
  name: label().describe('Name of the interface in this VM.'),
  network: nameRef('MicroVMNetwork').describe('The network that it is on.'),
  tap: linkName()
    .describe('Name of the TAP on the host, at most 15 characters. When absent: derived from uid and name.')
    .optional(),
  mac: mac().describe('MAC address in the guest. When absent: derived from uid and name.').optional(),
  address: ipv4()
    .describe("IPv4 address in the network's subnet. When absent: one that is free, which the VM then keeps.")
    .optional(),
  // Part of the version for ever: an interface that says nothing may not spoof.
  antiSpoof: z
    .boolean()
    .default(true)
    .describe('Whether frames from another MAC or IPv4 address than its own are dropped.'),
  ethertypes: setOf(z.enum(['IPv6']), 8)
    .describe('What the guest may send beside ARP and IPv4; everything else is dropped.')
    .optional(),
})

/** The interfaces of a VM; one name, TAP or MAC stands there once. */
export const interfaces = keyedList(networkInterface, ['name', 'tap', 'mac'], 16)

/** One network interface of a VM. */
export type NetworkInterface = z.infer<typeof networkInterface>
