import * as z from 'zod'
import { integer } from './integer.ts'
import { labels } from './meta.ts'
import { namespacedObject } from './object.ts'
import { statusOf } from './status.ts'

const count = () => integer(0, Number.MAX_SAFE_INTEGER)

const spec = z
  .strictObject({
    selector: z
      .strictObject({ matchLabels: labels().describe('Labels that a MicroVM must have.') })
      .describe('Which MicroVMs of the namespace it is about.'),
    maxUnavailable: integer(1, 10_000)
      .describe(
        'How many of them may be away at once, for whatever reason, before one more is restarted. When absent: 1.',
      )
      .optional(),
  })
  .describe('How restarts of many VMs are spread.')

const status = statusOf({
  selected: count().describe('MicroVMs that it is about.').optional(),
  unavailable: count()
    .describe('Those that are away, and those that were let go and did not come back yet.')
    .optional(),
  waiting: count().describe('Those that wait for their turn.').optional(),
})

/** How many of the VMs that a selector names may be away at once. */
export const microVMRollout = namespacedObject('MicroVMRollout', spec, status)

/** A MicroVMRollout as it came through its schema. */
export type MicroVMRollout = z.infer<typeof microVMRollout>
