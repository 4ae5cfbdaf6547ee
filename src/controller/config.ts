import { parse } from 'yaml'
import { z } from 'zod'
import type { RootIdentity } from '../ledger.ts'
import { FileError, type Files } from '../world/files.ts'

const folder = z
  .string()
  .max(4096)
  .regex(/^\/(?!.*(^|\/)\.\.(\/|$))[^\0]*$/, 'must be an absolute path without ..')

/** `/etc/moorage/config.yaml`: the controller's own settings. Every field may be absent. */
export const configSchema = z.strictObject({
  hostPaths: z
    .strictObject({
      images: z.array(folder).max(64).default(['/var/lib/moorage/images', '/nix/store', '/boot']),
      secrets: z.array(folder).max(64).default(['/run/secrets', '/etc/moorage/secrets', '/run/agenix']),
    })
    .prefault({})
    .describe('Folders below which manifests may name files of the host, for images and for credentials.'),
  users: z
    .strictObject({
      first: z.int().min(1000).max(2_147_483_000).optional(),
      count: z.int().min(1).max(65_536).default(4096),
    })
    .prefault({})
    .describe('Unix uids that VMMs run as, one for each VM. When absent: a range of 4096 that the root id picks.'),
  starts: z
    .int()
    .min(1)
    .max(64)
    .optional()
    .describe('How many VMs start at a time. When absent: one for each processor.'),
  cgroup: folder
    .optional()
    .describe(
      'Folder of a control group (version 2) that VMs are moved into as they start, such as /sys/fs/cgroup/moorage; in a pod they would end with it. When absent: they stay in that of the controller.',
    ),
  resyncSeconds: z
    .int()
    .min(1)
    .max(3600)
    .default(60)
    .describe('How often everything is looked at although nothing moved.'),
  graceSeconds: z
    .int()
    .min(0)
    .max(3600)
    .default(30)
    .describe('Seconds a stop waits for a guest whose spec says nothing.'),
})

export type Config = z.infer<typeof configSchema>

/**
 * The settings; defaults when there is no file. Links are followed: a volume of a ConfigMap has nothing else. Throws a
 * sentence that names the file and the field.
 */
export async function readConfig(files: Files, path: string): Promise<Config> {
  let text = ''
  try {
    text = Buffer.from(await files.readFollowing(path, 1 << 20)).toString('utf8')
  } catch (error) {
    // A link that leads nowhere is somebody's mistake, and no wish for defaults.
    if (!(error instanceof FileError && error.code === 'ENOENT' && (await files.stat(path)) === null)) throw error
  }
  let value: unknown
  try {
    value = parse(text) ?? {}
  } catch (error) {
    throw new Error(`${path}: not YAML: ${error instanceof Error ? error.message.split('\n')[0] : 'unreadable'}`)
  }
  const result = configSchema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new Error(`${path}: ${issue?.path.join('.') || 'the file'}: ${issue?.message}`)
}

/** uids that systemd's UIDS-GIDS document leaves to nobody: 1879048192 to 2147483647. */
const unused = { first: 0x7000_0000, ranges: 0x1_0000, size: 0x1000 }

/** The uids of a root: as configured, else a range of its own, so that two roots of one host hardly ever share one. */
export function usersOf({ users }: Config, root: RootIdentity): { readonly first: number; readonly count: number } {
  const range = Number.parseInt(root.id.slice(0, 4), 16) % unused.ranges
  return {
    first: users.first ?? unused.first + range * unused.size,
    count: Math.min(users.count, users.first ? 65_536 : unused.size),
  }
}
