import * as z from 'zod'
import { clusterObject } from './object.ts'
import { diskSize, fileSystem, fileSystemLabel } from './state.ts'
import { statusOf } from './status.ts'
import { hostPath, label, text, uid } from './text.ts'

const spec = z
  .strictObject({
    stateRef: z
      .strictObject({
        namespace: label().describe('Namespace of the state.'),
        name: label().describe('Name of the state.'),
        uid: uid().describe('Uid of the state; another state of that name has no claim.'),
      })
      .describe('The state that the volume was made for, or was last adopted by.'),
    capacity: diskSize.describe('Size of the disk.'),
    fsType: fileSystem.describe('File system that the disk was made with.'),
    label: fileSystemLabel.describe('Label of that file system.').optional(),
    path: hostPath().describe('Folder of the volume on its host.').optional(),
  })
  .describe('What the volume was made as.')

const status = statusOf({
  nodeName: text(253).describe('The host where the bytes are.').optional(),
  message: text(1024).describe('One sentence on the phase.').optional(),
})

/** The bytes of a state on one host: the record, made by the controller. Its phase is Bound, Released or another word. */
export const microVMVolume = clusterObject('MicroVMVolume', spec, status)

/** A MicroVMVolume as it came through its schema. */
export type MicroVMVolume = z.infer<typeof microVMVolume>

/** What a volume was made as. */
export type MicroVMVolumeSpec = z.infer<typeof spec>

/** What a volume is. */
export type MicroVMVolumeStatus = z.infer<typeof status>
