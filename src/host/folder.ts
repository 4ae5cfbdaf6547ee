import type { Files } from '../world/files.ts'

/** Entries of a folder of ours: a dozen, and one for each credential and OEM string. */
const most = 1000

/** Removes a folder with its files, links unfollowed; nothing when there is none. The file `last` goes last. */
export async function clearFolder(files: Files, directory: string, last = ''): Promise<void> {
  if ((await files.stat(directory)) === null) return
  const names = (await files.list(directory, most)).map(({ name }) => name)
  for (const name of names) if (name !== last) await files.remove(`${directory}/${name}`)
  if (last !== '') await files.remove(`${directory}/${last}`)
  await files.removeDirectory(directory)
}

/** A new content under that name in a runtime folder, whole at every moment; root's alone. It need not outlive the host. */
export async function replaceFile(files: Files, path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.new`
  await files.remove(temporary)
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
  await files.create(temporary, bytes, { mode: 0o600, durable: false })
  await files.rename(temporary, path)
}
