import * as z from 'zod'
import type { IndexRecord } from './index.ts'

/*
 * What a checksum does not say: that what was written is what is read. A record that is none counts as damaged. Of objects
 * only the head is looked at: a version that was accepted once stays so.
 */

const identity = z.object({ identity: z.string(), links: z.array(z.string()) })

const header = z.object({
  version: z.number(),
  recover: z.boolean(),
  ended: z.array(z.string()),
  directories: z.array(z.tuple([z.string(), identity])),
  candidates: z.array(
    z.tuple([
      z.string(),
      z.object({ first: z.number(), steady: z.object({ stamp: z.string(), since: z.number() }).nullable() }),
    ]),
  ),
  records: z.int(),
})

const record = z.object({
  key: z.string(),
  ref: z.object({ kind: z.string(), namespace: z.string(), name: z.string() }),
  uid: z.string(),
  generation: z.int(),
  createdAt: z.number(),
  object: z.object({ kind: z.string(), metadata: z.object({ name: z.string() }) }).nullable(),
  // Names a file of the secret store and nothing else.
  stored: z
    .string()
    .regex(/^[^/]+$/)
    .nullable(),
  origin: z.union([z.object({ file: z.string(), line: z.number() }), z.object({ machine: z.literal(true) })]),
  deletion: z.object({ at: z.number(), asked: z.boolean() }).nullable(),
  absence: z.object({ since: z.number(), held: z.boolean() }).nullable(),
  epoch: z.int().optional(),
  boot: z.string().optional(),
})

/** Whether a value is the header of an index of this version. */
export function isHeader(value: unknown): boolean {
  return header.safeParse(value).success
}

/** Whether a value is a record of an index. */
export function isRecord(value: unknown): value is IndexRecord {
  return record.safeParse(value).success
}
