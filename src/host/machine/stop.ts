import type { PowerOff } from '../../ledger.ts'
import { QmpError } from '../qmp/error.ts'
import type { Kept, MachineContext } from './context.ts'
import { find } from './keep.ts'
import { phaseOf } from './phase.ts'
import { killVmms } from './vmm.ts'

/**
 * See MachineHost.stop. Asks anew after 2, 4, 8, ... seconds: a guest whose services are still coming up loses the button's
 * first press, and one that is going down takes no notice of another. A press that was not answered is made again at once.
 */
export async function stop(
  context: MachineContext,
  uid: string,
  user: number | null,
  powerOff: PowerOff,
  deadline: number,
  signal: AbortSignal,
): Promise<void> {
  const kept = await find(context, uid)
  if (kept) await askToGo(context, kept, powerOff, deadline, signal)
  // What does not go is killed, and what goes is waited for.
  const unixUser = kept?.file?.user ?? user
  if (unixUser !== null) await killVmms(context, unixUser, kept?.file ?? null, signal)
}

/** Milliseconds between the first two presses; each pause is twice the one before. */
const firstPause = 2000

/** Milliseconds after a press that nobody answered. */
const retryPause = 500

/** Milliseconds that a VMM gets to quit before it is killed. */
const quitTime = 2000

/** Returns once the VMM is gone or has had its time. */
async function askToGo(
  context: MachineContext,
  kept: Kept,
  { method }: PowerOff,
  deadline: number,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = context.world
  const { session } = kept
  // Somebody may set the wall clock meanwhile.
  const end = clock.monotonic() + deadline - clock.now()
  let pressAt = 0
  let pause = firstPause
  for (;;) {
    await session.refresh()
    signal.throwIfAborted()
    // Its folder was taken away meanwhile: what is left of it is found by its uid in the next pass.
    session.closed.throwIfAborted()
    const phase = phaseOf(session.vitals)
    if (phase === 'Gone') return
    const left = end - clock.monotonic()
    if (left <= 0 || phase === 'Ended' || method === 'qmp-quit') return await quit(context, kept, signal)
    if (clock.monotonic() >= pressAt) {
      const answer = await press(kept, Math.min(left, firstPause), signal)
      if (answer === 'nobody') return await quit(context, kept, signal)
      pressAt = clock.monotonic() + (answer === 'pressed' ? pause : retryPause)
      if (answer === 'pressed') pause *= 2
    }
    if (!session.fresh && session.vitals.silentFor === null) continue
    await session.bell.wait(Math.min(left, Math.max(pressAt - clock.monotonic(), 1)), signal)
  }
}

/**
 * The power button. `nobody`: there is no guest that could hear it. `unanswered`: perhaps it was not even sent, since a
 * VMM that hangs takes no connection; so it is pressed again soon, for as long as there is time.
 */
async function press(
  { session }: Kept,
  timeout: number,
  signal: AbortSignal,
): Promise<'pressed' | 'unanswered' | 'nobody'> {
  const { runState } = session.vitals
  if (runState === 'prelaunch') return 'nobody'
  try {
    // CPUs that stand still hear nothing.
    if (runState !== null && runState !== 'running') await session.execute('cont', {}, timeout, signal)
    await session.execute('system_powerdown', {}, timeout, signal)
    return 'pressed'
  } catch (error) {
    if (!(error instanceof QmpError)) throw error
    return 'unanswered'
  }
}

/** Ends the VMM, which writes its images out first; returns once it is gone or has had its time. */
async function quit({ world: { clock } }: MachineContext, { session }: Kept, signal: AbortSignal): Promise<void> {
  const until = clock.monotonic() + quitTime
  try {
    await session.execute('quit', {}, quitTime, signal)
  } catch (error) {
    if (!(error instanceof QmpError)) throw error
  }
  for (;;) {
    await session.refresh()
    const left = until - clock.monotonic()
    if (!session.vitals.alive || left <= 0) return
    await session.bell.wait(left, signal)
  }
}
