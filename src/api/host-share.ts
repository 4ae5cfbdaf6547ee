import * as z from 'zod'
import { clusterObject } from './object.ts'
import { statusOf } from './status.ts'
import { hostPath } from './text.ts'

const spec = z
  .strictObject({
    path: hostPath().describe('Absolute path of a folder, under a root that the configuration of the host allows.'),
    readOnly: z
      .boolean()
      .describe('Whether guests may only read it, whatever their own spec says. When absent: false.')
      .optional(),
  })
  .describe('Which folder it is.')

const status = statusOf({})

/** A folder of a host that VMs may mount, by name. */
export const microVMShare = clusterObject('MicroVMShare', spec, status)

/** A MicroVMShare as it came through its schema. */
export type MicroVMShare = z.infer<typeof microVMShare>
