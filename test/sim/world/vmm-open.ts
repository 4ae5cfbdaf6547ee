import type { MemoryFiles } from '../../world/memory-files.ts'
import type { FileNode } from '../../world/memory-tree.ts'
import { openAs, reading, type Who, wordsOf, writing } from './vmm-access.ts'
import { type PlannedDisk, VmmExit, type VmmPlan } from './vmm-argv.ts'
import type { ImageLocks } from './vmm-locks.ts'
import type { Netdevs } from './vmm-netdevs.ts'

/** Who opens, and where. */
export interface Opener {
  readonly files: MemoryFiles
  readonly locks: ImageLocks
  readonly pid: number
  readonly who: Who
}

/** Files that a VMM appends to. */
export interface VmmLogs {
  readonly journal: FileNode
  readonly console: FileNode
}

/**
 * Everything a QEMU opens at its start, in its order: channels, tables, network, disks, kernel, devices. Values go into
 * `credentials`, what lets locks go into `unlocks`. Throws a {@link VmmExit} with QEMU's words.
 */
export function openAll(
  plan: VmmPlan,
  opener: Opener,
  netdevs: Netdevs,
  credentials: Map<string, Uint8Array>,
  unlocks: (() => void)[],
): VmmLogs {
  const { journal, console: serial } = plan
  for (const end of ['in', 'out']) openPipe(opener, `${journal.pipe}.${end}`)
  const logs = {
    journal: openFile(opener, journal.log, writing, `-chardev pipe,id=journal,logfile=${journal.log}`),
    console: openFile(opener, serial.log, writing, `-chardev socket,id=console,logfile=${serial.log}`),
  }
  for (const { option, path } of plan.credentials) {
    credentials.set(path, openFile(opener, path, reading, option).bytes.slice())
  }
  netdevs.open(plan)
  const disks = plan.disks.map((disk) => ({ disk, file: openImage(opener, disk) }))
  if (plan.kernel !== null) openKernel(opener, plan.kernel, 'kernel file')
  if (plan.initrd !== null) openKernel(opener, plan.initrd, 'initrd')
  for (const { disk, file } of disks) unlocks.push(lock(opener, disk, file))
  return logs
}

function openFile({ files, who }: Opener, path: string, want: number, option: string): FileNode {
  try {
    return openAs(files, path, who, want)
  } catch (error) {
    throw new VmmExit(`${option}: Could not open '${path}': ${wordsOf(error)}`)
  }
}

/** `events.out` is a link to /dev/null, which is no file and always takes bytes. */
function openPipe(opener: Opener, path: string): void {
  if (!isLink(opener.files, path)) openFile(opener, path, reading, '-chardev pipe,id=journal')
}

function isLink(files: MemoryFiles, path: string): boolean {
  try {
    return files.at(path)?.type === 'symlink'
  } catch {
    return false
  }
}

function openImage(opener: Opener, { path, readOnly, opens }: PlannedDisk): FileNode {
  return openFile(opener, path, readOnly ? reading : reading | writing, opens)
}

function openKernel({ files, who }: Opener, path: string, what: string): void {
  try {
    openAs(files, path, who, reading)
  } catch (error) {
    throw new VmmExit(`qemu: could not open ${what} '${path}': ${wordsOf(error)}`)
  }
}

function lock({ locks, pid }: Opener, { path, readOnly, locks: option }: PlannedDisk, file: FileNode): () => void {
  const unlock = locks.take(file, path, pid, !readOnly)
  if (unlock) return unlock
  const what = readOnly ? 'shared "write"' : '"write"'
  throw new VmmExit(`${option}: Failed to get ${what} lock\nIs another process using the image [${path}]?`)
}
