import * as z from 'zod'
import { ipv4 } from './address.ts'
import { integer } from './integer.ts'
import { exactlyOneOf } from './rule.ts'
import { line } from './text.ts'

const port = integer(1, 65_535)

const host = ipv4().describe('Address to connect to. When absent: that of the first interface.').optional()

/** How a VM is known to be ready. */
export const readiness = exactlyOneOf(
  z.strictObject({
    tcpSocket: z
      .strictObject({ port: port.describe('TCP port, 1 to 65535.'), host })
      .describe('Ready when a connection is accepted.')
      .optional(),
    httpGet: z
      .strictObject({
        port: port.describe('TCP port, 1 to 65535.'),
        path: z
          .string()
          .max(1024)
          .regex(/^\/[!-~]*$/, 'must be a path of printable ASCII that begins with "/"')
          .describe('Path to ask for. When absent: "/".')
          .optional(),
        host,
      })
      .describe('Ready when a plain HTTP GET is answered with a status from 200 to 399.')
      .optional(),
    vsockNotify: z
      .strictObject({})
      .describe('Ready when systemd in the guest says so over vsock (systemd 256 or newer).')
      .optional(),
    console: z
      .strictObject({ contains: line(256).describe('Text that a line of the console has to contain; not a pattern.') })
      .describe('Ready when a line of the serial console contains a text.')
      .optional(),
    timeoutSeconds: integer(1, 3600)
      .describe('Seconds after a start by when the VM has to be ready, 1 to 3600. When absent: the controller decides.')
      .optional(),
    periodSeconds: integer(1, 3600)
      .describe('Seconds between two probes, 1 to 3600. When absent: the controller decides.')
      .optional(),
    failureThreshold: integer(1, 100)
      .describe(
        'Probes in a row that must fail before a ready VM is not ready, 1 to 100. When absent: the controller decides.',
      )
      .optional(),
  }),
  ['tcpSocket', 'httpGet', 'vsockNotify', 'console'],
)

/** How a VM is known to be ready. */
export type Readiness = z.infer<typeof readiness>
