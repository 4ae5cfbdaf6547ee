import type { Tap } from '../../host-state.ts'
import { replaceFile } from '../folder.ts'
import { QmpError } from '../qmp/error.ts'
import { type MachineContext, sayMachine } from './context.ts'
import { find } from './keep.ts'
import { unpluggedMark } from './runtime.ts'

/** Milliseconds for each command; all four take three. */
const timeout = 5000

/** See MachineHost.replug. The guest does not notice; what it was started with says how it is done. */
export async function replug(context: MachineContext, uid: string, tap: Tap, signal: AbortSignal): Promise<void> {
  const kept = await find(context, uid)
  const rewiring = kept?.file?.rewirings.find(({ nic }) => nic === tap.nic)
  if (!kept || !rewiring) throw new Error(`there is no VM of uid ${uid} here with an interface ${tap.nic}; restart it`)
  if (rewiring.tap !== tap.name) {
    throw new Error(`${tap.nic} was started on ${rewiring.tap}, not on ${tap.name}; it is moved by a restart`)
  }
  // Half-way through, its TAP has a carrier and its guest has no network: nobody could see that from outside.
  const { files } = context.world
  const mark = unpluggedMark(kept.runtime, tap.nic)
  if (!kept.unplugged.has(tap.nic)) await replaceFile(files, mark, '')
  kept.unplugged.add(tap.nic)
  for (const { execute, arguments: args, missing } of rewiring.commands) {
    try {
      await kept.session.execute(execute, args, timeout, signal)
    } catch (error) {
      if (!(error instanceof QmpError) || error.reason !== 'refused') throw error
      if (missing && error.errorClass === 'DeviceNotFound') continue
      const who = `${tap.nic} of ${sayMachine(kept.id, kept.file)}`
      throw new Error(`${who} cannot be given ${tap.name} again: ${error.message}; restart it, or see /dev/net/tun`, {
        cause: error,
      })
    }
  }
  await files.remove(mark)
  kept.unplugged.delete(tap.nic)
}
