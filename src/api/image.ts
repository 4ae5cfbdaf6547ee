import * as z from 'zod'
import { clusterObject } from './object.ts'
import { exactlyOneOf } from './rule.ts'
import { statusOf } from './status.ts'
import { ascii, hostPath, sha256 } from './text.ts'

const file = {
  path: hostPath().describe('Absolute path on the host, under a root that the configuration of the controller allows.'),
  sha256: sha256()
    .describe('SHA-256 of the file. When given, a file that differs is refused. Required outside directory mode.')
    .optional(),
}

const hostPathSource = z.strictObject({
  kernel: z.strictObject(file).describe('Linux kernel, uncompressed or bzImage as the hypervisor takes it.'),
  initrd: z.strictObject(file).describe('Initial RAM disk.').optional(),
  root: z
    .strictObject({
      ...file,
      format: z.enum(['raw']).describe('Format of the file; stated, never guessed.'),
    })
    .describe('Root disk; always read-only, and the first disk of the VM.')
    .optional(),
})

const source = exactlyOneOf(z.strictObject({ hostPath: hostPathSource.describe('Files on the host.').optional() }), [
  'hostPath',
])

const spec = z
  .strictObject({
    architecture: z.enum(['amd64', 'arm64']).describe('Architecture that the kernel is built for.'),
    cmdline: ascii(2048)
      .describe('Kernel command line; the guest can read it. What addresses and hypervisor need is added.')
      .optional(),
    source: source.describe('Where the files are: exactly one member.'),
  })
  .describe('What the image should be.')

const status = statusOf({})

/** What a VM boots: kernel, initrd, root disk, command line. */
export const microVMImage = clusterObject('MicroVMImage', spec, status)

/** A MicroVMImage as it came through its schema. */
export type MicroVMImage = z.infer<typeof microVMImage>

/** What an image should be. */
export type MicroVMImageSpec = z.infer<typeof spec>

/** The files of an image on the host. */
export type HostPathSource = z.infer<typeof hostPathSource>

/** What an image is. */
export type MicroVMImageStatus = z.infer<typeof status>
