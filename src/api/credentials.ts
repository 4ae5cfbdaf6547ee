import * as z from 'zod'
import { keyedList, listOf } from './list.ts'
import { exactlyOneOf } from './rule.ts'
import { hostPath, subdomain, text } from './text.ts'

/** A key of a Secret in the namespace of the VM. */
export const secretKeyRef = z.strictObject({
  name: subdomain().describe('Name of the Secret.'),
  key: z
    .string()
    .max(253)
    .regex(/^[-._a-zA-Z0-9]+$/, 'must be a key of a Secret (letters, digits, "-", "_" and ".")')
    .describe('Key in the Secret.'),
})

const source = exactlyOneOf(
  z.strictObject({
    file: z
      .strictObject({ path: hostPath().describe('Absolute path of the file; its bytes are the value.') })
      .describe('A file on the host; only in directory mode, and only under roots that the configuration allows.')
      .optional(),
    secretKeyRef: secretKeyRef.describe('A key of a Secret.').optional(),
    value: text(65_536).describe('The value itself; for what is no secret.').optional(),
  }),
  ['file', 'secretKeyRef', 'value'],
)

// systemd (credential_name_valid()) takes any file name without ":"; "=" ends the name in an SMBIOS string, "," in QEMU's argv.
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.@+~-]*$/

const item = z.strictObject({
  name: z
    .string()
    .max(128)
    .regex(NAME, 'must be a credential name (letters, digits, "_", "-", ".", "@", "+" and "~")')
    .describe('Name of the credential; the guest sees it after the prefix.'),
  source: source.describe('Where the value comes from: exactly one member.'),
})

/** The systemd credentials of a VM. */
export const credentials = z.strictObject({
  prefix: z
    .string()
    .max(64)
    .regex(/^([A-Za-z0-9_][A-Za-z0-9_.@+~-]*)?$/, 'must be the beginning of a credential name, such as HOST-')
    .describe('Stands before each name in the guest. When absent: nothing.')
    .optional(),
  items: keyedList(item, ['name'], 64).describe('The credentials, each with a source.').optional(),
})

/** The raw SMBIOS strings of a VM, which keep their order. */
export const oemStrings = listOf(text(16_384), 64)

/** The systemd credentials of a VM. */
export type Credentials = z.infer<typeof credentials>

/** One credential: a name and where its value comes from. */
export type Credential = z.infer<typeof item>

/** A key of a Secret. */
export type SecretKeyRef = z.infer<typeof secretKeyRef>
