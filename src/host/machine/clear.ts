import type { Files } from '../../world/files.ts'
import { clearFolder } from '../folder.ts'
import type { MachineFile } from './record.ts'
import { draftPrefix, foldersOf, nameLink, runtimeOf, unfinished } from './runtime.ts'

/** Everything below the run directory that is this machine's, the record last: whoever is cut short finds it again. */
export async function clearMachine(files: Files, run: string, id: string, file: MachineFile | null): Promise<void> {
  await clearFolder(files, unfinished(run, id).directory)
  if (file) {
    const name = nameLink(run, file.name)
    await files.remove(`${name}.new`)
    if ((await files.readLink(name)) === `../vms/${id}`) await files.remove(name)
  }
  await clearFolder(files, runtimeOf(run, id).directory, 'machine.json')
}

/** Folders that a start had not finished when its controller died; credential files may lie in them. */
export async function sweepDrafts(files: Files, run: string): Promise<void> {
  const { vms } = foldersOf(run)
  if (!(await files.stat(vms))) return
  for (const { name, type } of await files.list(vms, mostDrafts)) {
    if (type === 'directory' && name.startsWith(draftPrefix)) await clearFolder(files, `${vms}/${name}`)
  }
}

/** Entries of the folder of all machines. */
const mostDrafts = 100_000

/** The files with values: the VMM has read them, or never will. */
export async function removeCredentials(files: Files, directory: string, names: readonly string[]): Promise<void> {
  for (const name of names) await files.remove(`${directory}/${name}`)
}
