import { type CreateOptions, FileError, type Files } from './files.ts'

/**
 * Makes `path` hold exactly `bytes`, or leaves it as it was: written beside it, fsynced, renamed over it, the directory
 * fsynced. A reader sees the old file or the new one, also after a power loss (rename(2), fsync(2)).
 */
export async function publish(files: Files, path: string, bytes: Uint8Array, options: CreateOptions): Promise<void> {
  const folder = path.slice(0, path.lastIndexOf('/'))
  const draft = `${path}.new`
  await createAnew(files, draft, bytes, options)
  await files.rename(draft, path)
  await files.sync(folder)
}

async function createAnew(files: Files, path: string, bytes: Uint8Array, options: CreateOptions): Promise<void> {
  try {
    await files.create(path, bytes, options)
  } catch (error) {
    if (!(error instanceof FileError && error.code === 'EEXIST')) throw error
    // What a writer that died left; ours, since only one controller holds the root.
    await files.remove(path)
    await files.create(path, bytes, options)
  }
}
