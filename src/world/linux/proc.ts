import { fstatSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync } from 'node:fs'
import type { ProcessIdentity } from '../process.ts'
import { closing, pathOf, pinDirectory } from './descriptor.ts'
import { codeOf } from './file-error.ts'

/** This boot of this kernel; random(4). */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

/**
 * The identity of a living process, null when there is none or when it is a zombie. Everything is read through one
 * descriptor of `/proc/PID`, which goes on meaning that process and no later one of the same number.
 *
 * The uid is the owner of that folder, which is the effective one, also of a process that made itself undumpable
 * (proc(5) says root; task_dump_owner() in the kernel excepts this folder). It differs from the real one only in a
 * process that could gain rights, and no VMM can; it costs a quarter of reading `status`.
 */
export function readIdentity(pid: number, bootId: string): ProcessIdentity | null {
  return unlessGone(() =>
    closing(pinDirectory(`/proc/${pid}`), (pinned) => {
      const { startTime, ended } = parseStat(readSmall(`${pathOf(pinned)}/stat`))
      if (ended) return null
      const folder = pathOf(pinned)
      const [executable, directory] = [readExecutable(folder), readTarget(`${folder}/cwd`)]
      return { pid, startTime, bootId, uid: fstatSync(pinned).uid, executable, directory }
    }),
  )
}

/**
 * proc_pid_stat(5), counted from behind the command name, which may hold spaces and parentheses: field 3 is the state,
 * 20 the number of threads, 22 the start time. A leader that ended before its other threads shows as a zombie, too.
 */
function parseStat(stat: string): { startTime: number; ended: boolean } {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 22 - 2)
  const zombie = fields[3 - 3] === 'Z' || fields[3 - 3] === 'X'
  return { startTime: Number(fields[22 - 3]), ended: zombie && Number(fields[20 - 3]) <= 1 }
}

/** What the `exe` of a process's folder points to; empty for a kernel thread and where the kernel does not tell us. */
export function readExecutable(folder: string): string {
  return readTarget(`${folder}/exe`)
}

function readTarget(link: string): string {
  try {
    return readlinkSync(link).replace(/ \(deleted\)$/, '')
  } catch {
    return ''
  }
}

/** Every process with one of these uids; see {@link readIdentity} for which uid that is. */
export function listProcesses(uids: ReadonlySet<number>, bootId: string): readonly ProcessIdentity[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && uids.has(ownerOf(pid)))
    .sort((a, b) => a - b)
    .flatMap((pid) => readIdentity(pid, bootId) ?? [])
    .filter(({ uid }) => uids.has(uid))
}

function ownerOf(pid: number): number {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid ?? -1
}

const page = Buffer.alloc(4096)

/** Half the price of readFileSync. */
function readSmall(path: string): string {
  return closing(openSync(path, 'r'), (file) => page.toString('latin1', 0, readSync(file, page, 0, page.length, null)))
}

/** A process may go between any two reads: its files then say ENOENT or ESRCH. */
function unlessGone<T>(read: () => T | null): T | null {
  try {
    return read()
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ESRCH') return null
    throw error
  }
}
