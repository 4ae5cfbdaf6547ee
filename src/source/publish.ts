import { FileError, type Files } from '../world/files.ts'

/** A file that is there whole or not at all, also after a power failure: written beside, synced, renamed, synced. */
export async function publish(files: Files, directory: string, name: string, bytes: Uint8Array): Promise<void> {
  const fresh = `${directory}/${name}.new`
  await createAnew(files, fresh, bytes)
  await files.rename(fresh, `${directory}/${name}`)
  await files.sync(directory)
}

async function createAnew(files: Files, path: string, bytes: Uint8Array): Promise<void> {
  try {
    await files.create(path, bytes, { mode: 0o600 })
  } catch (error) {
    if (!(error instanceof FileError && error.code === 'EEXIST')) throw error
    // Left by a controller that was killed between writing and renaming.
    await files.remove(path)
    await files.create(path, bytes, { mode: 0o600 })
  }
}
