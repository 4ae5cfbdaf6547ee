import * as z from 'zod'
import { integer } from './integer.ts'
import { keyedList, listOf } from './list.ts'
import { mapOf } from './map.ts'
import { labelKey } from './meta.ts'
import { statusOf } from './status.ts'
import { text, time } from './text.ts'

const count = () => integer(0, Number.MAX_SAFE_INTEGER)

const hypervisor = z.looseObject({
  name: text(63).describe('Which hypervisor runs the VM.').optional(),
  version: text(63).describe('Its version.').optional(),
  pid: count().describe('Its process, for people to look at; nothing is decided by it.').optional(),
  startedAt: time().describe('When it was started.').optional(),
})

const networkInterface = z.looseObject({
  name: text(63).describe('Name of the interface, as in spec.'),
  tap: text(15).describe('Its TAP on the host.').optional(),
  mac: text(17).describe('Its MAC address.').optional(),
  addresses: listOf(z.looseObject({ address: text(45).describe('An IP address.') }), 8)
    .describe('The addresses that it may use.')
    .optional(),
})

const disk = z.looseObject({
  name: text(63).describe('Name of the disk, as in spec.'),
  state: text(63).describe('The state that it is.').optional(),
  volume: text(63).describe('The volume that holds its bytes.').optional(),
})

const restarts = z.looseObject({
  count: count().describe('How often the VM was started again since its object was made.').optional(),
  last: z
    .looseObject({
      reason: text(63)
        .describe(
          'Why, e.g. SpecChanged, SecretRotated, ImageChanged, Crashed, GuestRebooted, GuestShutdown, Requested.',
        )
        .optional(),
      at: time().describe('When.').optional(),
    })
    .describe('The last restart.')
    .optional(),
})

const credentials = z.looseObject({
  revision: text(256)
    .describe('A keyed digest of what was handed over; neither a value nor a plain hash of one.')
    .optional(),
  previousUntil: time().describe('Until when the revision before is still good.').optional(),
})

/** What a VM is. */
export const microVMStatus = statusOf({
  nodeName: text(253).describe('The host that the VM is bound to.').optional(),
  bindingEpoch: count().describe('Counts bindings; a host with an older number gives way.').optional(),
  rollout: text(63).describe('The MicroVMRollout that restarts of the VM wait for.').optional(),
  restart: z
    .looseObject({
      wanted: text(128).describe('Which change the host waits to restart the VM for.').optional(),
      granted: text(128).describe('Which change it may restart the VM for now.').optional(),
    })
    .describe('A restart that waits for its turn among others.')
    .optional(),
  effective: mapOf(labelKey(), text(1024), 64)
    .describe('What defaults and probes came to when the VM was started, e.g. machine: q35, accel: tcg.')
    .optional(),
  hypervisor: hypervisor.describe('The process that runs the VM.').optional(),
  interfaces: keyedList(networkInterface, ['name'], 16).describe('Its interfaces as they are.').optional(),
  disks: keyedList(disk, ['name'], 16).describe('Its disks as they are.').optional(),
  restarts: restarts.describe('How often and why it was started again.').optional(),
  credentials: credentials.describe('The credentials that the running guest has.').optional(),
})

/** What a VM is. */
export type MicroVMStatus = z.infer<typeof microVMStatus>
