import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf, describe } from './file-error.ts'

/**
 * Moves a process, with all its threads, into a control group (version 2), which is made when it is not there: whatever
 * then ends everything in ours leaves it alone. One that is gone already is nobody's loss. Throws a sentence when it stays
 * where it is: cgroups(7), "Cgroups v2 delegation", tells what forbids that.
 */
export function moveTo(folder: string, pid: number): void {
  try {
    mkdirSync(folder, { recursive: true })
    // Where no cgroup2 is mounted, no file of this name is to be made.
    writeFileSync(join(folder, 'cgroup.procs'), `${pid}`, { flag: 'r+' })
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return
    const how = 'mount the cgroup2 of the host there, and run in its control group namespace'
    throw new Error(`process ${pid} cannot be moved into ${folder} (${describe(error)}); ${how}`, { cause: error })
  }
}
