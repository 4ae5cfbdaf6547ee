import { atMost } from './at-most.ts'
import { FileError, type FileOptions, type Files } from './files.ts'

/** Files that are written at a time: as many as Node has threads for. */
const together = 4

/**
 * Makes `path` hold exactly `bytes`, or leaves it as it was: written beside it, fsynced, renamed over it, the directory
 * fsynced. A reader sees the old file or the new one, also after a power loss (rename(2), fsync(2)).
 */
export async function publish(files: Files, path: string, bytes: Uint8Array, options: FileOptions): Promise<void> {
  const end = path.lastIndexOf('/')
  await publishAll(files, path.slice(0, end), [[path.slice(end + 1), bytes]], options)
}

/** As `publish`, for several files of one folder by name; each for itself is the old one or the new one. */
export async function publishAll(
  files: Files,
  folder: string,
  contents: Iterable<readonly [string, Uint8Array]>,
  options: FileOptions,
): Promise<void> {
  let any = false
  await atMost(together, contents, async ([name, bytes]) => {
    any = true
    const draft = `${folder}/${name}.new`
    await createAnew(files, draft, bytes, options)
    await files.rename(draft, `${folder}/${name}`)
  })
  if (any && options.durable !== false) await files.sync(folder)
}

async function createAnew(files: Files, path: string, bytes: Uint8Array, options: FileOptions): Promise<void> {
  try {
    await files.create(path, bytes, options)
  } catch (error) {
    if (!(error instanceof FileError && error.code === 'EEXIST')) throw error
    // What a writer that died left; ours, since only one controller holds the root.
    await files.remove(path)
    await files.create(path, bytes, options)
  }
}
