import { isRecord } from '../qmp/message.ts'
import { removeCredentials } from './clear.ts'
import { type MachineContext, sayMachine } from './context.ts'
import { find } from './keep.ts'

/** Milliseconds for each command. */
const timeout = 10_000

/** Milliseconds in which a guest whose disk is full stops again. */
const relapse = 1000

/** See MachineHost.resume. */
export async function resume(context: MachineContext, uid: string, signal: AbortSignal): Promise<void> {
  const { world } = context
  const kept = await find(context, uid)
  if (!kept) throw new Error(`there is no VM of uid ${uid} here to resume`)
  const { session, runtime, file } = kept
  const ask = async () => stateOf(await session.execute('query-status', {}, timeout, signal))
  const state = await ask()
  // It has answered: it has read what it was given.
  if (file) await removeCredentials(world.files, runtime.directory, file.credentialFiles)
  if (state === 'running') return
  await session.execute('cont', {}, timeout, signal)
  if (state !== 'io-error') return
  await world.clock.sleep(relapse, signal)
  if ((await ask()) !== 'io-error') return
  throw new Error(
    `a disk of ${sayMachine(kept.id, file)} cannot be written, so its guest waits; is the host's disk full?`,
  )
}

/** The run state in an answer to query-status. */
export function stateOf(answer: unknown): string {
  return isRecord(answer) ? String(answer.status) : ''
}
