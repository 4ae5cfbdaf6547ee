import type { DigestKey } from '../secret/revision.ts'
import { Secret } from '../secret/secret.ts'
import { FileError } from '../world/files.ts'
import { publish } from '../world/publish.ts'
import type { World } from '../world/world.ts'
import type { Paths } from './paths.ts'

/**
 * The key of credential revisions: 4 bytes that name it and 32 bytes of it, made once. A lost one is made anew under
 * another name; revisions of different keys are never compared, so nobody restarts for it.
 */
export async function openDigestKey(
  { files, random }: Pick<World, 'files' | 'random'>,
  paths: Paths,
): Promise<DigestKey> {
  const path = `${paths.ledger}/digest.key`
  let bytes: Uint8Array
  try {
    bytes = await files.read(path, 64)
    if (bytes.length !== 36) throw new FileError('EINVAL', path, `${path}: not a digest key`)
  } catch (error) {
    if (!(error instanceof FileError)) throw error
    bytes = random.bytes(36)
    await publish(files, path, bytes, { mode: 0o400 })
  }
  return { id: `k${Buffer.from(bytes.subarray(0, 4)).toString('hex')}`, key: new Secret(bytes.subarray(4)) }
}
