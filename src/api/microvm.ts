import * as z from 'zod'
import { credentials, oemStrings } from './credentials.ts'
import { disks, statesOnce, stateTemplates, templatesNameDisks } from './disk.ts'
import { guest } from './guest.ts'
import { integer } from './integer.ts'
import { interfaces } from './interface.ts'
import { microVMStatus } from './microvm-status.ts'
import { namespacedObject } from './object.ts'
import { placement } from './placement.ts'
import { quantity } from './quantity.ts'
import { readiness } from './readiness.ts'
import { nameRef } from './ref.ts'
import { ruled } from './rule.ts'
import { shares } from './share.ts'
import { text } from './text.ts'

const qemu = z.strictObject({
  machine: z.enum(['q35', 'microvm']).describe('Machine type. When absent: q35.').optional(),
  accel: z
    .enum(['auto', 'kvm', 'tcg'])
    .describe('kvm needs a host that can; tcg emulates, slowly; auto tries kvm and falls back. When absent: auto.')
    .optional(),
})

const vsock = z.strictObject({
  // 0 to 2 are the hypervisor, loopback and the host; 2^32-1 is "any" (vsock(7)).
  cid: integer(3, 4_294_967_294).describe('Context id of the guest, 3 to 4294967294. When absent: derived.').optional(),
})

const spec = ruled(
  z.strictObject({
    runStrategy: z
      .enum(['Always', 'RerunOnFailure', 'Once', 'Manual', 'Halted'])
      .describe(
        'When the VM runs: Always; again after a failure only (RerunOnFailure); until it ends (Once); by operations (Manual); never (Halted). When absent: Always.',
      )
      .optional(),
    restartToken: text(256).describe('Any text; a change of it restarts the VM.').optional(),
    placement: placement.describe('Where the VM may run. When absent: anywhere.').optional(),
    hypervisor: z
      .enum(['qemu', 'cloud-hypervisor', 'firecracker'])
      .describe('What runs the VM. When absent: qemu.')
      .optional(),
    qemu: qemu.describe('What concerns QEMU only.').optional(),
    vcpu: integer(1, 255).describe('Number of virtual processors, 1 to 255.'),
    memory: quantity({ min: '16Mi', max: '64Ti' }).describe('Memory of the guest, 16Mi to 64Ti, e.g. 512Mi.'),
    image: nameRef('MicroVMImage').describe('What the VM boots.'),
    disks: disks.describe("Disks, in this order after the image's root; key: name.").optional(),
    stateTemplates: stateTemplates
      .describe('Creates the state of a disk when it is absent, and only that; never resizes, owns or deletes it.')
      .optional(),
    interfaces: interfaces.describe('Network interfaces; key: name.').optional(),
    vsock: vsock.describe('A vsock device; {} derives its context id. When absent: none.').optional(),
    shares: shares.describe('Folders of the host that the guest mounts; key: name.').optional(),
    credentials: credentials.describe('systemd credentials that the guest is given at boot.').optional(),
    oemStrings: oemStrings
      .describe('Raw SMBIOS type 11 strings, as they are; anybody in the guest can read them.')
      .optional(),
    guest: guest.describe('What the guest is told of itself.').optional(),
    hardening: z.strictObject({}).describe('How the process of the hypervisor is confined; no members yet.').optional(),
    readiness: readiness
      .describe("How the VM is known to be ready: exactly one probe. When absent: when the guest's kernel runs.")
      .optional(),
    terminationGracePeriodSeconds: integer(0, 3600)
      .describe(
        'Seconds that a stop waits for the guest before it kills, 0 to 3600. When absent: the controller decides.',
      )
      .optional(),
  }),
  templatesNameDisks,
  statesOnce,
).describe('What the VM should be.')

/** One VM: compute, a fixed network identity, what it boots, which disks it carries. */
export const microVM = namespacedObject('MicroVM', spec, microVMStatus)

/** A MicroVM as it came through its schema. */
export type MicroVM = z.infer<typeof microVM>

/** What a VM should be. */
export type MicroVMSpec = z.infer<typeof spec>
