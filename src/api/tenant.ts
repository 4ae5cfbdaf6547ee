import * as z from 'zod'
import { firstBeforeLast, ipv4, parseIpv4 } from './address.ts'
import { integer } from './integer.ts'
import { keyedList, listOf, setOf } from './list.ts'
import { clusterObject } from './object.ts'
import { quantity } from './quantity.ts'
import { isMap, ruled } from './rule.ts'
import { statusOf } from './status.ts'
import { label, text } from './text.ts'

const range = ruled(
  z.strictObject({
    first: ipv4().describe('First address of the range.'),
    last: ipv4().describe('Last address of the range.'),
  }),
  firstBeforeLast,
).superRefine(
  (value, context) => {
    if (!isRange(value)) context.addIssue({ code: 'custom', path: ['last'], message: 'must not come before first' })
  },
  { when: () => true },
)

const network = z.strictObject({
  name: label().describe('Name of the MicroVMNetwork.'),
  ranges: listOf(range, 16)
    .describe('Addresses that VMs of the tenant may have in it. When absent: all that are free.')
    .optional(),
})

const quota = z.strictObject({
  microVMs: integer(0, 100_000).describe('VMs that may be bound at a time.').optional(),
  vcpu: integer(0, 1_000_000).describe('Virtual processors of them all.').optional(),
  memory: quantity({ min: '0', max: '1Pi' }).describe('Memory of them all, e.g. 64Gi.').optional(),
  disk: quantity({ min: '0', max: '1024Pi' })
    .describe('Size of all its states and ephemeral disks, e.g. 2Ti.')
    .optional(),
})

const spec = z
  .strictObject({
    networks: keyedList(network, ['name'], 64)
      .describe('Networks that VMs of the namespace may use; key: name. When absent: none.')
      .optional(),
    images: setOf(label(), 256).describe('MicroVMImages that they may boot. When absent: none.').optional(),
    shares: setOf(label(), 64).describe('MicroVMShares that they may mount. When absent: none.').optional(),
    hostIdentifiers: setOf(z.enum(['TAP', 'MAC', 'CID']), 3)
      .describe('Names and numbers, unique on a host, that they may choose themselves. When absent: none.')
      .optional(),
    quota: quota.describe('How much they may use together. When absent: as much as there is.').optional(),
  })
  .describe('What the VMs of one namespace may use.')

const status = statusOf({
  used: z
    .looseObject({
      microVMs: integer(0, Number.MAX_SAFE_INTEGER).describe('VMs that are bound.').optional(),
      vcpu: integer(0, Number.MAX_SAFE_INTEGER).describe('Their virtual processors.').optional(),
      memory: text(32).describe('Their memory.').optional(),
      disk: text(32).describe('Size of the states and ephemeral disks.').optional(),
    })
    .describe('How much of the quota is used.')
    .optional(),
})

/** What the namespace of the same name may use. In a cluster, a namespace without one may use nothing. */
export const microVMTenant = clusterObject('MicroVMTenant', spec, status)

/** A MicroVMTenant as it came through its schema. */
export type MicroVMTenant = z.infer<typeof microVMTenant>

/** What a namespace may use. */
export type MicroVMTenantSpec = z.infer<typeof spec>

/** False only when both ends are addresses and stand the wrong way round; other faults are reported apart. */
function isRange(value: unknown): boolean {
  if (!isMap(value) || typeof value.first !== 'string' || typeof value.last !== 'string') return true
  const [first, last] = [parseIpv4(value.first), parseIpv4(value.last)]
  return first === undefined || last === undefined || first <= last
}
