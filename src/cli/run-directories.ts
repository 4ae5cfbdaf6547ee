import type { Paths } from '../controller/paths.ts'
import { foldersOf } from '../host/machine/runtime.ts'
import type { Files } from '../world/files.ts'

/**
 * Makes the folders of a root, or sets the modes of ours again: what VMs pass through is 0711, what holds secrets or what
 * was accepted is 0700. Folders above ours are made when they are missing and else left as they are.
 */
export async function makeDirectories(files: Files, paths: Paths): Promise<void> {
  const { vms, byName, ended } = foldersOf(paths.run)
  const ours: readonly (readonly [string, number])[] = [
    [paths.state, 0o711],
    [paths.index, 0o700],
    [paths.objects, 0o700],
    [paths.ledger, 0o700],
    [paths.secrets, 0o700],
    [paths.status, 0o700],
    [paths.volumes, 0o711],
    [paths.images, 0o755],
    [paths.run, 0o711],
    [vms, 0o711],
    [byName, 0o711],
    [ended, 0o700],
  ]
  await makeAbove(files, paths.state)
  await makeAbove(files, paths.run)
  for (const [path, mode] of ours) await files.makeDirectory(path, { mode })
}

/** Makes the default folder of manifests, for a root's first run only: later its absence means something. */
export async function makeManifests(files: Files, path: string): Promise<void> {
  await makeAbove(files, path)
  if ((await files.stat(path)) === null) await files.makeDirectory(path, { mode: 0o755 })
}

async function makeAbove(files: Files, path: string): Promise<void> {
  const parts = path.split('/').slice(1, -1)
  for (const [index] of parts.entries()) {
    const folder = `/${parts.slice(0, index + 1).join('/')}`
    if ((await files.statFollowing(folder)) === null) await files.makeDirectory(folder, { mode: 0o755 })
  }
}
