import * as z from 'zod'
import { integer } from './integer.ts'
import { namespacedObject } from './object.ts'
import { nameRef } from './ref.ts'
import { statusOf } from './status.ts'
import { text, time, uid } from './text.ts'

const spec = z
  .strictObject({
    type: z.enum(['Start', 'Stop', 'Restart']).describe('What should be done once.'),
    microVM: nameRef('MicroVM').describe('The VM to do it to.'),
    uid: uid()
      .describe(
        'Uid of that VM; a later VM of the same name is left alone. When absent: the VM that is there when it is seen.',
      )
      .optional(),
    ttlSeconds: integer(1, 604_800).describe(
      'Seconds after its creation when the operation lapses undone, and when a finished one is deleted; at most a week.',
    ),
    gracePeriodSeconds: integer(0, 3600)
      .describe("Seconds that a stop waits for the guest before it kills, 0 to 3600. When absent: the VM's own.")
      .optional(),
  })
  .describe('What should be done.')

const status = statusOf({
  nodeName: text(253).describe('The host that its VM is bound to.').optional(),
  message: text(1024).describe('One sentence on the phase.').optional(),
  startedAt: time().describe('When work on it began.').optional(),
  finishedAt: time().describe('When it ended, either way.').optional(),
})

/** One imperative wish: start, stop or restart a VM. */
export const microVMOperation = namespacedObject('MicroVMOperation', spec, status)

/** A MicroVMOperation as it came through its schema. */
export type MicroVMOperation = z.infer<typeof microVMOperation>

/** What should be done. */
export type MicroVMOperationSpec = z.infer<typeof spec>

/** How far it is. */
export type MicroVMOperationStatus = z.infer<typeof status>
