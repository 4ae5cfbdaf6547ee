import * as z from 'zod'
import { integer } from './integer.ts'
import { keyedList, setOf } from './list.ts'
import { hostObject } from './object.ts'
import { statusOf } from './status.ts'
import { label, text } from './text.ts'

const taint = z.strictObject({
  key: label().describe('Name of the taint.'),
  effect: z
    .enum(['NoSchedule', 'OutOfService'])
    .describe(
      'NoSchedule: nothing new is bound to the host. OutOfService: somebody made sure that nothing runs on it any more, so its VMs may be bound elsewhere.',
    ),
  reason: text(1024).describe('Why, for people.').optional(),
})

const spec = z
  .strictObject({
    taints: keyedList(taint, ['key'], 16).describe('What keeps VMs off the host; key: key.').optional(),
    overcommit: z
      .strictObject({
        vcpuPercent: integer(100, 10_000)
          .describe('Virtual processors that may be bound, in percent of the real ones. When absent: 100.')
          .optional(),
        memoryPercent: integer(100, 1000)
          .describe('Memory of guests that may be bound, in percent of the real one. When absent: 100.')
          .optional(),
      })
      .describe('How much more may be bound than there is. When absent: nothing.')
      .optional(),
  })
  .describe('What people say of the host.')

const amounts = z.looseObject({
  vcpu: integer(0, Number.MAX_SAFE_INTEGER).describe('Processors.').optional(),
  memory: text(32).describe('Memory, e.g. 64Gi.').optional(),
  disk: text(32).describe('Bytes for volumes, e.g. 2Ti.').optional(),
})

const hypervisor = z.looseObject({
  name: text(63).describe('Name, as MicroVMs ask for it.'),
  version: text(63).describe('Its version.').optional(),
  accel: setOf(text(15), 8).describe('How it can run guests: kvm, tcg.').optional(),
})

const image = z.looseObject({
  name: text(63).describe('Name of the MicroVMImage.'),
  usable: z.boolean().describe('Whether its files are on the host and are those that it names.').optional(),
  message: text(1024).describe('Why it is not usable.').optional(),
})

const machine = z.looseObject({
  uid: text(128).describe('Uid of the MicroVM.'),
  namespace: text(63).describe('Its namespace.').optional(),
  name: text(63).describe('Its name.').optional(),
  bindingEpoch: integer(0, Number.MAX_SAFE_INTEGER).describe('The binding that the host knows.').optional(),
})

const address = z.looseObject({
  name: text(63).describe('Name of the interface of the VM.'),
  address: text(45).describe('Its address.').optional(),
})

const status = statusOf({
  architecture: text(15).describe('Of its processors: amd64 or arm64.').optional(),
  version: text(63).describe('The Moorage that runs on it.').optional(),
  bootID: text(63).describe('Which boot of the host it is.').optional(),
  capacity: amounts.describe('What the host has.').optional(),
  allocatable: amounts.describe('What of it is for VMs.').optional(),
  hypervisors: keyedList(hypervisor, ['name'], 8).describe('What can run VMs on it.').optional(),
  features: setOf(text(63), 64).describe('What else it can do.').optional(),
  images: keyedList(image, ['name'], 256).describe('Images as the host sees them.').optional(),
  machines: keyedList(
    machine.extend({ addresses: keyedList(address, ['name'], 16).describe('Addresses that it uses.').optional() }),
    ['uid'],
    1024,
  )
    .describe('VMs that are on the host, from which lost bindings are rebuilt.')
    .optional(),
})

/** A host of a cluster: what it offers. Its agent writes the status, people the spec. */
export const microVMHost = hostObject('MicroVMHost', spec, status)

/** A MicroVMHost as it came through its schema. */
export type MicroVMHost = z.infer<typeof microVMHost>

/** What a host is. */
export type MicroVMHostStatus = z.infer<typeof status>
