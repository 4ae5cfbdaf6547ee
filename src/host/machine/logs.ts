import type { Files } from '../../world/files.ts'
import type { World } from '../../world/world.ts'
import { replaceFile } from '../folder.ts'
import type { Kept } from './context.ts'
import { endedConsole, foldersOf, type Runtime, runtimeOf } from './runtime.ts'

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

/** The end of a console outlives its machine: it is where a guest says why it went. */
export async function keepConsole(files: Files, run: string, id: string): Promise<void> {
  const { console, consoleBefore } = runtimeOf(run, id)
  const parts: Uint8Array[] = []
  for (const path of [consoleBefore, console]) {
    const size = (await files.stat(path))?.size ?? 0
    if (size > 0 && size <= readable) parts.push(await files.read(path, readable * 2))
  }
  if (parts.length === 0) return
  await files.makeDirectory(foldersOf(run).ended, { mode: 0o700 })
  await replaceFile(files, endedConsole(run, id), Buffer.concat(parts).subarray(-keptConsole))
}

/** Hands it on to the next incarnation, whose folder is being made. */
export async function takeConsole(files: Files, run: string, id: string, draft: Runtime): Promise<void> {
  const kept = endedConsole(run, id)
  if (await files.stat(kept)) await files.rename(kept, draft.consoleBefore)
}
