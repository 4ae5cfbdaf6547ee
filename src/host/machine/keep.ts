import type { Files } from '../../world/files.ts'
import type { Kept, MachineContext } from './context.ts'
import { sayMachine } from './context.ts'
import { readReady } from './probe.ts'
import { type MachineFile, readMachineFile } from './record.ts'
import { idOf, type Runtime, runtimeOf, unpluggedMark } from './runtime.ts'
import { newSession } from './session.ts'

/** The machine in a runtime folder: what is held of it already, else adopted from what stands there. */
export async function keep(context: MachineContext, id: string): Promise<Kept> {
  const kept = context.kept.get(id)
  if (kept) return kept
  const { files } = context.world
  const runtime = runtimeOf(context.paths.run, id)
  const [file, readyAs] = await Promise.all([readMachineFile(files, runtime.record), readReady(files, runtime)])
  const unplugged = await readUnplugged(files, runtime, file)
  return context.kept.get(id) ?? take(context, id, file, readyAs, unplugged)
}

async function readUnplugged(files: Files, runtime: Runtime, file: MachineFile | null): Promise<readonly string[]> {
  const nics = (file?.nics ?? []).map(({ name }) => name)
  const marks = await Promise.all(nics.map((nic) => files.stat(unpluggedMark(runtime, nic))))
  return nics.filter((_, index) => marks[index])
}

/** Holds a machine from now on. */
export function take(
  context: MachineContext,
  id: string,
  file: MachineFile | null,
  readyAs: string | null = null,
  unplugged: readonly string[] = [],
): Kept {
  const runtime = runtimeOf(context.paths.run, id)
  const warn = (problem: string) => context.log.warn({ machine: sayMachine(id, file), problem }, 'looking at a VM')
  const session = newSession(context.world, runtime, context.wake, warn)
  const kept: Kept = {
    id,
    runtime,
    file,
    session,
    since: context.world.clock.monotonic(),
    process: null,
    readyAs,
    unplugged: new Set(unplugged),
    starting: false,
  }
  context.kept.set(id, kept)
  return kept
}

/** The machine of a uid; null when it has no runtime folder. Throws when its folder is another's. */
export async function find(context: MachineContext, uid: string): Promise<Kept | null> {
  const id = idOf(uid)
  const stat = await context.world.files.stat(runtimeOf(context.paths.run, id).directory)
  if (stat?.type !== 'directory') return null
  const kept = await keep(context, id)
  if (kept.file && kept.file.uid !== uid) {
    throw new Error(
      `the runtime folder ${id} belongs to uid ${kept.file.uid}, not to ${uid}; give one of them another uid`,
    )
  }
  return kept
}
