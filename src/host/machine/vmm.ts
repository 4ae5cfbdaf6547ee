import type { ProcessIdentity } from '../../world/process.ts'
import type { MachineContext } from './context.ts'
import type { MachineFile } from './record.ts'
import { foldersOf } from './runtime.ts'

/**
 * Processes that are VMMs of ours: of a VM's own uid, and running a hypervisor that we use or that this VM was started
 * with. Of a stray, whose end no socket tells, also one that is ending and may still hold its TAP. One scan of /proc for
 * all of them.
 */
export async function listVmms(
  context: MachineContext,
  machines: readonly { readonly user: number; readonly file: MachineFile | null; readonly stray: boolean }[],
): Promise<ReadonlyMap<number, readonly ProcessIdentity[]>> {
  const found = new Map<number, ProcessIdentity[]>()
  if (machines.length === 0) return found
  const asked = new Map(machines.map((one) => [one.user, one]))
  const isDying = dyingVmm(context)
  for (const process of await context.world.process.list(new Set(asked.keys()))) {
    const { file = null, stray = false } = asked.get(process.uid) ?? {}
    // Without a folder it has no files any more either: perhaps nobody ever reaps it.
    const isEnding = stray && process.directory !== '' && isDying(process)
    if (!isEnding && !ourVmm(context, file)(process)) continue
    found.set(process.uid, [...(found.get(process.uid) ?? []), process])
  }
  return found
}

/**
 * Ends the VMMs of one uid by force and waits until they are gone with everything they held: a socket that refuses does
 * not prove that the TAP and the image are free, a process that is gone does.
 */
export async function killVmms(
  context: MachineContext,
  user: number,
  file: MachineFile | null,
  signal: AbortSignal,
): Promise<void> {
  const { process, clock } = context.world
  const isOurs = ourVmm(context, file)
  const isDying = dyingVmm(context)
  const until = clock.monotonic() + patience
  for (let pause = 2; ; pause = Math.min(pause * 2, 100)) {
    const left = (await process.list(new Set([user]))).filter((one) => isDying(one) || isOurs(one))
    if (left.length === 0) return
    if (clock.monotonic() > until) {
      const pids = left.map(({ pid }) => pid).join(', ')
      throw new Error(
        `process ${pids} was killed and is still there; see /proc/${left[0]!.pid}/stack for what it waits for`,
      )
    }
    for (const vmm of left) if (isOurs(vmm)) await process.signal(vmm, 'SIGKILL')
    await clock.sleep(pause, signal)
  }
}

/** A process that ends loses its executable first, then its files, and its folder last. */
function dyingVmm({ paths }: MachineContext): (process: ProcessIdentity) => boolean {
  const folder = `${foldersOf(paths.run).vms}/`
  return ({ executable, directory }) => executable === '' && (directory === '' || directory.startsWith(folder))
}

/** Milliseconds after which a killed process counts as stuck in the kernel. */
const patience = 10_000

/**
 * A uid alone tells nothing of the root: another controller on this host may have given the same one. The folder that a
 * VMM was started in does.
 */
function ourVmm({ features, paths }: MachineContext, file: MachineFile | null): (process: ProcessIdentity) => boolean {
  const programs = Object.values(features().programs).flatMap((program) => (program ? [program.path] : []))
  const folder = `${foldersOf(paths.run).vms}/`
  return ({ executable, directory }) =>
    directory.startsWith(folder) && (executable === file?.executable || programs.includes(executable))
}
