import type { Files } from '../../world/files.ts'
import { clearFolder } from '../folder.ts'
import type { MachineFile } from './record.ts'
import { nameLink, runtimeOf, unfinished } from './runtime.ts'

/** Everything below the run directory that is this machine's, the record last: whoever is cut short finds it again. */
export async function clearMachine(files: Files, run: string, id: string, file: MachineFile | null): Promise<void> {
  await clearFolder(files, unfinished(run, id).directory)
  if (file) {
    const name = nameLink(run, file.name)
    if ((await files.readLink(name)) === `../vms/${id}`) await files.remove(name)
  }
  await clearFolder(files, runtimeOf(run, id).directory, 'machine.json')
}

/** The files with values: the VMM has read them, or never will. */
export async function removeCredentials(files: Files, directory: string, names: readonly string[]): Promise<void> {
  for (const name of names) await files.remove(`${directory}/${name}`)
}
