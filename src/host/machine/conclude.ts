import { clearMachine } from './clear.ts'
import { letGo, type MachineContext } from './context.ts'
import { find } from './keep.ts'
import { keepConsole } from './logs.ts'
import { idOf } from './runtime.ts'
import { killVmms } from './vmm.ts'

/** See MachineHost.conclude. The record goes last, so that a conclusion that was cut short is taken up again. */
export async function conclude(context: MachineContext, uid: string, user: number, signal: AbortSignal): Promise<void> {
  const kept = await find(context, uid)
  const file = kept?.file ?? null
  await killVmms(context, user, file, signal)
  // A record that names another uid than the ledger does: its process is the one that is left.
  if (file && file.user !== user) await killVmms(context, file.user, file, signal)
  letGo(context, idOf(uid))
  const { files } = context.world
  await keepConsole(files, context.paths.run, idOf(uid))
  await clearMachine(files, context.paths.run, idOf(uid), file)
}
