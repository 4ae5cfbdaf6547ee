import * as z from 'zod'
import { started } from '../host/machine/record.ts'
import type { MachineRecord } from '../ledger.ts'

const schema = z.object({
  ref: z.object({ kind: z.string(), namespace: z.string(), name: z.string() }),
  user: z.int().min(1),
  ...started.shape.carried.shape,
  graceSeconds: z.number().nullable(),
  started: started.nullable(),
  crashes: z.object({ count: z.number(), retryAt: z.number() }),
})

/** Whether a value is what the ledger keeps of a machine. */
export function isMachineRecord(value: unknown): value is MachineRecord {
  return schema.safeParse(value).success
}
