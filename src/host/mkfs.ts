import type { Volume } from '../host-state.ts'
import type { World } from '../world/world.ts'

/** Milliseconds; a sparse image of 64 GiB takes 15. */
const timeout = 120_000

/** Makes the file system that a volume asks for in a blank image; nothing for `none`. */
export async function makeFileSystem(
  { process }: Pick<World, 'process'>,
  { fsType, label, name }: Pick<Volume, 'fsType' | 'label' | 'name'>,
  image: string,
  signal: AbortSignal,
): Promise<void> {
  if (fsType === 'none') return
  const labelled = label === null ? [] : ['-L', label]
  const argv = [...tools[fsType], ...labelled, image]
  const { code, stderr } = await process.run({ argv, timeout }, signal)
  if (code === 0) return
  const words = stderr.trim().split('\n').at(-1) ?? ''
  throw new Error(`${argv[0]} cannot make volume ${name} (code ${code}): ${words.slice(0, 300)}`)
}

/** Forced, since the image is no block device; quiet; the guest's kernel zeroes inode tables when it first mounts. */
const tools = {
  ext4: ['mkfs.ext4', '-F', '-q', '-E', 'lazy_itable_init=1,lazy_journal_init=1'],
  xfs: ['mkfs.xfs', '-f', '-q'],
  btrfs: ['mkfs.btrfs', '-f', '-q'],
} as const
