import * as z from 'zod'
import { labels } from './meta.ts'

/** Where a VM may run. Only users write it; what was decided stands in status. */
export const placement = z.strictObject({
  nodeName: z
    .string()
    .max(253)
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'must be the name of a host (a-z, 0-9, "-" and ".")')
    .describe('The host that the VM is pinned to.')
    .optional(),
  nodeSelector: labels().describe('Labels that its host must have.').optional(),
})
