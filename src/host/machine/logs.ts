import type { World } from '../../world/world.ts'
import { replaceFile } from '../folder.ts'
import type { Kept } from './context.ts'

/** Bytes of a console log before it is cut, and of what is kept of it then. */
export const longestConsole = 1 << 20
const keptConsole = 512 << 10

/** Bytes that are read to keep their end; of a guest that wrote more in one round nothing is kept. */
const readable = 64 << 20

/** Cuts a console log that has grown too long; its end stays as `console.log.1`. QEMU appends, so it goes on from zero. */
export async function cutConsole({ files }: World, { runtime }: Kept): Promise<void> {
  const size = (await files.stat(runtime.console))?.size ?? 0
  if (size <= longestConsole) return
  if (size <= readable) {
    const bytes = await files.read(runtime.console, readable * 2)
    await replaceFile(files, runtime.consoleBefore, bytes.subarray(-keptConsole))
  }
  await files.truncate(runtime.console, 0)
}
