import * as z from 'zod'
import { mapOf } from './map.ts'
import { secretMeta } from './meta.ts'
import { isMap } from './rule.ts'
import { text } from './text.ts'

/** What one Secret may hold in all, as in Kubernetes. */
export const MAX_SECRET_BYTES = 1024 * 1024

// Go, which reads `data` in an API server, passes over line breaks, which block scalars bring.
// They are taken out first: as part of the pattern, a million of them before a wrong letter took minutes.
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/

const keyName = z
  .string()
  .max(253)
  .regex(/^[-._a-zA-Z0-9]+$/, 'must be a name of letters, digits, "-", "_" and "."')

const base64 = z
  .string()
  .max(2 * MAX_SECRET_BYTES)
  .refine(isBase64, 'must be base64 (plain text belongs under stringData)')

/** Core v1 Secret: credentials. The same YAML as in a cluster. */
export const secret = z
  .strictObject({
    apiVersion: z.literal('v1').describe('Version of the schema of this object.'),
    kind: z.literal('Secret').describe('What the object is.'),
    metadata: secretMeta,
    type: text(253).describe('A word on what it is for, e.g. Opaque.').optional(),
    immutable: z.boolean().describe('Whether data may never change.').optional(),
    data: mapOf(keyName, base64, 1024).describe('Values in base64, by key.').optional(),
    stringData: mapOf(keyName, z.string().max(MAX_SECRET_BYTES), 1024)
      .describe('Values as plain text, by key; they go over those of data.')
      .optional(),
  })
  .superRefine(
    (value, context) => {
      if (secretSize(value) <= MAX_SECRET_BYTES) return
      context.addIssue({ code: 'custom', message: 'must hold at most 1 MiB in data and stringData together' })
    },
    { when: () => true },
  )

/** A Secret as it came through its schema. Never print one. */
export type Secret = z.infer<typeof secret>

function isBase64(value: string): boolean {
  const digits = value.replaceAll(/[\r\n]/g, '')
  return digits.length % 4 === 0 && BASE64.test(digits)
}

/** The bytes of all values. A key of stringData goes over the same key of data, and counts once. */
function secretSize(value: unknown): number {
  if (!isMap(value)) return 0
  const sizes = new Map<string, number>()
  for (const [key, each] of entries(value.data)) sizes.set(key, decodedSize(each))
  for (const [key, each] of entries(value.stringData)) sizes.set(key, Buffer.byteLength(each))
  return [...sizes.values()].reduce((sum, size) => sum + size, 0)
}

function decodedSize(base64Text: string): number {
  const digits = base64Text.replaceAll(/[\r\n=]/g, '').length
  return Math.floor((digits * 3) / 4)
}

function entries(map: unknown): [string, string][] {
  if (!isMap(map)) return []
  return Object.entries(map).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
}
