import type { Machine } from '../../host-state.ts'
import type { Command } from '../../hypervisor/driver.ts'
import type { Secret } from '../../secret/secret.ts'
import type { Files } from '../../world/files.ts'
import { clearFolder } from '../folder.ts'
import { takeConsole } from './logs.ts'
import { type MachineFile, writeMachineFile } from './record.ts'
import { foldersOf, nameLink, type Runtime, runtimeOf, unfinished } from './runtime.ts'

/**
 * A runtime folder with everything in it that the VMM wants to find, values included. It is made under another name and
 * renamed when it is whole, so that a folder with a name always says whose it is.
 */
export async function prepare(
  files: Files,
  run: string,
  machine: Machine,
  file: MachineFile,
  command: Command,
  credentials: readonly Secret[],
): Promise<Runtime> {
  const { vms, byName, ended } = foldersOf(run)
  for (const path of [run, vms, byName]) await files.makeDirectory(path, { mode: 0o711 })
  await files.makeDirectory(ended, { mode: 0o700 })
  const { user } = machine
  const draft = unfinished(run, machine.id)
  await clearFolder(files, draft.directory)
  await files.makeDirectory(draft.directory, { mode: 0o710, uid: 0, gid: user })
  await writeMachineFile(files, draft.record, file)
  await takeConsole(files, run, machine.id, draft)
  const owned = { uid: user, gid: user, durable: false }
  for (const path of [draft.console, draft.journal])
    await files.create(path, new Uint8Array(), { mode: 0o600, ...owned })
  for (const plain of command.plainFiles) {
    const path = `${draft.directory}/${plain.file}`
    if ('target' in plain) await files.symlink(plain.target, path)
    else await files.create(path, new TextEncoder().encode(plain.text), { mode: 0o600, ...owned })
  }
  await writeCredentials(files, draft.directory, machine, command, credentials)
  const runtime = runtimeOf(run, machine.id)
  await files.rename(draft.directory, runtime.directory)
  await link(files, `../vms/${machine.id}`, nameLink(run, machine.boot.name))
  return runtime
}

/** Readable by the VMM only, and only until it has read them. */
async function writeCredentials(
  files: Files,
  directory: string,
  { boot, user }: Machine,
  { credentialFiles }: Command,
  credentials: readonly Secret[],
): Promise<void> {
  for (const { file, of, prefix, encoding } of credentialFiles) {
    const value =
      'credential' in of ? credentials[of.credential]?.reveal() : encode(boot.oemStrings[of.oemString] ?? '')
    if (!value)
      throw new Error(`${boot.name} has ${credentials.length} credential values and needs another; look again`)
    const bytes = join(encode(prefix), encoding === 'raw' ? value : encode(Buffer.from(value).toString('base64')))
    try {
      await files.create(`${directory}/${file}`, bytes, { mode: 0o400, uid: user, gid: user, durable: false })
    } finally {
      bytes.fill(0)
    }
  }
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function join(one: Uint8Array, other: Uint8Array): Uint8Array {
  const whole = new Uint8Array(one.length + other.length)
  whole.set(one)
  whole.set(other, one.length)
  return whole
}

async function link(files: Files, target: string, path: string): Promise<void> {
  const temporary = `${path}.new`
  await files.remove(temporary)
  await files.symlink(target, temporary)
  await files.rename(temporary, path)
}
