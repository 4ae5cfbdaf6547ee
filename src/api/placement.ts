import * as z from 'zod'
import { labels } from './meta.ts'
import { subdomain } from './text.ts'

/** Where a VM may run. Only users write it; what was decided stands in status. */
export const placement = z.strictObject({
  nodeName: subdomain().describe('The host that the VM is pinned to.').optional(),
  nodeSelector: labels().describe('Labels that its host must have.').optional(),
})
