import * as z from 'zod'
import { secretKeyRef } from './credentials.ts'
import { setOf } from './list.ts'
import { line } from './text.ts'

/** What the guest is told of itself. */
export const guest = z.strictObject({
  hostname: z
    .string()
    .max(64)
    .regex(
      /^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?([.][A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/,
      'must be a host name such as slot1 or slot1.example.org',
    )
    .describe('Host name of the guest (systemd 254 or newer). When absent: the name of the VM.')
    .optional(),
  authorizedKeys: setOf(line(8192), 64)
    .describe('SSH public keys of root, one line each; they apply only where the guest has none yet.')
    .optional(),
  rootPasswordHashFrom: z
    .strictObject({ secretKeyRef: secretKeyRef.describe('A key of a Secret.') })
    .describe("Where root's password hash (as mkpasswd makes it) comes from; it applies only where none is set yet.")
    .optional(),
})

/** What the guest is told of itself. */
export type Guest = z.infer<typeof guest>
