import * as z from 'zod'
import { integer } from './integer.ts'
import { namespacedObject } from './object.ts'
import { quantity } from './quantity.ts'
import { nameRef } from './ref.ts'
import { isMap, type Rule, ruled } from './rule.ts'
import { statusOf } from './status.ts'
import { label, text } from './text.ts'

/** What file systems a state can be made with. */
export const fileSystem = z.enum(['ext4', 'xfs', 'btrfs', 'none'])

/** A file system label; 16 bytes is what ext4 holds. */
export const fileSystemLabel = z
  .string()
  .max(16)
  .regex(/^[A-Za-z0-9_.-]+$/, 'must be a file system label (letters, digits, "-", "_" and ".")')

/** The size of a disk. */
export const diskSize = quantity({ min: '1Mi', max: '1Pi' })

const labelNeedsFileSystem: Rule = {
  rule: "!(has(self.label) && has(self.fsType) && self.fsType == 'none')",
  message: 'must not have a label when fsType is none: an empty disk has nowhere to keep it',
  holds: (value) => !(isMap(value) && value.label !== undefined && value.fsType === 'none'),
}

const xfsLabel: Rule = {
  rule: "!(has(self.label) && has(self.fsType) && self.fsType == 'xfs') || size(self.label) <= 12",
  message: 'must have a label of at most 12 characters when fsType is xfs',
  holds: (value) =>
    !(isMap(value) && typeof value.label === 'string' && value.fsType === 'xfs') || value.label.length <= 12,
}

/** What a state should be; also the template in a MicroVM. */
export const stateSpec = ruled(
  z.strictObject({
    size: diskSize.describe('Size of the disk, 1Mi to 1Pi; sparse, so it costs what is written. It can only grow.'),
    fsType: fileSystem
      .describe('File system that a blank disk is made with; none leaves it empty. When absent: ext4.')
      .optional(),
    label: fileSystemLabel
      .describe('Label of that file system, by which guests find it. When absent: none.')
      .optional(),
    deletionPolicy: z
      .enum(['Retain', 'Delete'])
      .default('Retain')
      .describe('What becomes of the volume when the state is deleted: Retain keeps it, Delete deletes its bytes.'),
    source: z
      .strictObject({
        volume: label().describe('Name of a Released MicroVMVolume to adopt, instead of a blank disk.').optional(),
      })
      .describe('Where the bytes come from. When absent: a blank disk.')
      .optional(),
  }),
  labelNeedsFileSystem,
  xfsLabel,
).describe('What the state should be.')

const status = statusOf({
  volume: nameRef('MicroVMVolume').describe('The volume that holds the bytes.').optional(),
  capacity: text(32).describe('Size of that volume.').optional(),
  nodeName: text(253).describe('The host where that volume is, or is to be made.').optional(),
  bindingEpoch: integer(0, Number.MAX_SAFE_INTEGER)
    .describe('Counts bindings; a host with an older number gives way.')
    .optional(),
  microVM: nameRef('MicroVM').describe('The VM that holds the state; one at a time.').optional(),
})

/** A portable disk that outlives any VM: the claim. */
export const microVMState = namespacedObject('MicroVMState', stateSpec, status)

/** A MicroVMState as it came through its schema. */
export type MicroVMState = z.infer<typeof microVMState>

/** What a state should be. */
export type MicroVMStateSpec = z.infer<typeof stateSpec>

/** What a state is. */
export type MicroVMStateStatus = z.infer<typeof status>
