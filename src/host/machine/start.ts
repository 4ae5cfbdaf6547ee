import type { Machine } from '../../host-state.ts'
import type { Command, Driver, Place } from '../../hypervisor/driver.ts'
import { driverOf as everyDriver } from '../../hypervisor/index.ts'
import type { StartedRecord } from '../../ledger.ts'
import type { Secret } from '../../secret/secret.ts'
import type { Listener } from '../../world/stream.ts'
import { clearMachine, removeCredentials } from './clear.ts'
import { type Kept, letGo, type MachineContext } from './context.ts'
import { within } from './deadline.ts'
import { find, take } from './keep.ts'
import { isHeld } from './life.ts'
import { prepare } from './prepare.ts'
import { type MachineFile, machineFile, writeMachineFile } from './record.ts'
import { type Runtime, runtimeOf } from './runtime.ts'
import { killVmms } from './vmm.ts'

/** Milliseconds for the whole of it; a VMM greets in 30, on an overloaded host in seconds. */
const deadline = 60_000

/** A start that failed, or was called back. */
export class StartError extends Error {
  override readonly name = 'StartError'
  /** Nothing of it is left: neither a process nor a folder. */
  readonly undone: boolean

  constructor(words: string, undone: boolean, cause: unknown) {
    super(words, { cause })
    this.undone = undone
  }
}

/** See MachineHost.start. What a failed start made is cleared, so that the next one finds nothing of it. */
export async function start(
  context: MachineContext,
  machine: Machine,
  started: StartedRecord,
  credentials: readonly Secret[],
  signal: AbortSignal,
): Promise<void> {
  const { files, clock } = context.world
  const { run } = context.paths
  await refuseSecond(context, machine, signal)
  const { command, place } = draw(context, machine, started)
  const file = machineFile(machine, started, command, place.program.path)
  letGo(context, machine.id)
  // From here on nobody else looks into its folder.
  const kept = take(context, machine.id, file)
  kept.starting = true
  try {
    await within(clock, deadline, `${machine.boot.name} did not start`, signal, async (until) => {
      await clearMachine(files, run, machine.id, file)
      await prepare(files, run, machine, file, command, credentials)
      await launch(context, kept, file, command, until)
    })
  } catch (error) {
    const words = await lastWords(context, kept.runtime, (error as Error).message)
    const undone = await undo(context, machine, file)
    if (signal.aborted) throw new StartError((signal.reason as Error).message, undone, signal.reason)
    throw new StartError(`${(error as Error).message}${words}`, undone, error)
  }
  kept.starting = false
  context.log.info({ machine: machine.boot.name, vmm: kept.process?.pid }, 'VMM started')
  context.wake()
}

/** What to run. The listeners are fds 3, 4 and 5, see {@link launch}. */
function draw({ features, paths, driverOf = everyDriver }: MachineContext, machine: Machine, { accel }: StartedRecord) {
  const { boot, id } = machine
  const driver: Driver | undefined = driverOf(boot.hypervisor)
  const program = driver && features().programs[driver.program(boot)]
  if (!driver || !program) throw new Error(`hypervisor ${boot.hypervisor} is not installed; install it`)
  const { tscKhz } = features()
  const place: Place = {
    program,
    directory: runtimeOf(paths.run, id).directory,
    fds: { qmp: 3, console: 4, life: 5 },
    accel: accel === 'kvm' ? 'kvm' : 'tcg',
    ...(tscKhz === undefined ? {} : { tscKhz }),
  }
  return { command: driver.command(boot, place), place }
}

/** One VMM for one uid, ever: whoever holds the life socket or runs as its Unix uid is one too many. */
async function refuseSecond(context: MachineContext, machine: Machine, signal: AbortSignal): Promise<void> {
  const { world, paths } = context
  const { name } = machine.boot
  if ((await find(context, machine.uid))?.starting) throw new Error(`a start of ${name} is under way`)
  if (await isHeld(world, runtimeOf(paths.run, machine.id).life, signal)) {
    throw new Error(`a VMM of ${name} runs already: its life socket is held; stop it first`)
  }
  const [other] = await world.process.list(new Set([machine.user]))
  if (!other) return
  throw new Error(
    `process ${other.pid} (${other.executable || 'ending'}) runs as uid ${other.uid}, which is ${name}'s; end it first`,
  )
}

async function launch(
  context: MachineContext,
  kept: Kept,
  file: MachineFile,
  { argv }: Command,
  signal: AbortSignal,
): Promise<void> {
  const { stream, process, files } = context.world
  const { runtime, session } = kept
  const { directory, qmp, consoleSocket, life, output } = runtime
  const user = { uid: file.user, gid: file.user, groups: groupsOf(context, file) }
  const listeners: Listener[] = []
  try {
    for (const path of [qmp, consoleSocket, life]) listeners.push(await stream.listen(path))
    kept.process = await process.spawn({ argv, env: {}, directory, ...user, listeners, output }, signal)
  } finally {
    // The VMM has its own by now, or never will.
    for (const listener of listeners) listener.release()
  }
  if (kept.process.executable !== file.executable) {
    // A wrapper made way for the real program.
    file.executable = kept.process.executable
    await writeMachineFile(files, runtime.record, file)
  }
  // An answer, not the greeting: only by then QEMU has read every file that it was told of.
  await session.execute('query-status', {}, deadline, signal)
  await removeCredentials(files, directory, file.credentialFiles)
  await session.execute('cont', {}, deadline, signal)
}

/** A VMM under KVM has to open the device. */
function groupsOf({ features }: MachineContext, { started }: MachineFile): readonly number[] {
  const { group } = features().kvm
  return started.accel === 'kvm' && group !== null ? [group] : []
}

/**
 * Ends and clears whatever a failed start left; false when it could not. It must not be cut short, and every step of it has
 * its own bound.
 */
async function undo(context: MachineContext, machine: Machine, file: MachineFile): Promise<boolean> {
  const { log, world, paths } = context
  letGo(context, machine.id)
  const unbroken = new AbortController().signal
  try {
    await killVmms(context, machine.user, file, unbroken)
    await clearMachine(world.files, paths.run, machine.id, file)
    return true
  } catch (error) {
    log.warn({ machine: machine.boot.name, problem: (error as Error).message }, 'clearing a start that failed')
    return false
  }
}

/** What the VMM said last, behind a colon; empty when nothing new. It was given no value that it could say. */
async function lastWords({ world: { files } }: MachineContext, runtime: Runtime, said: string): Promise<string> {
  try {
    const text = new TextDecoder().decode(await files.read(runtime.output, 1 << 20)).trim()
    return text === '' || said.includes(text.slice(-100)) ? '' : `: ${text.slice(-500).replaceAll('\n', '; ')}`
  } catch {
    return ''
  }
}
