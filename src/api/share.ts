import * as z from 'zod'
import { keyedList } from './list.ts'
import { nameRef } from './ref.ts'
import { label } from './text.ts'

const share = z.strictObject({
  name: label().describe('Name of the share in this VM: the tag that the guest mounts.'),
  share: nameRef('MicroVMShare').describe('The folder of the host that is shared.'),
  proto: z.enum(['virtiofs']).describe('How it is carried. When absent: virtiofs.').optional(),
  readOnly: z
    .boolean()
    .describe('Whether the guest may only read it. When absent: as the MicroVMShare says.')
    .optional(),
})

/** The host folders that a VM mounts. */
export const shares = keyedList(share, ['name'], 16)
