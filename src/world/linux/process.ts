import type { Process, ProcessIdentity } from '../process.ts'
import { codeOf } from './file-error.ts'
import { listProcesses, readBootId, readIdentity } from './proc.ts'
import { run } from './run.ts'
import { spawnDetached } from './spawn.ts'

/** The processes of this host; those that outlive us live in the control group of that folder, or in ours. */
export function linuxProcess(cgroup: string | null = null): Process {
  const bootId = readBootId()
  return {
    bootId: () => bootId,
    spawn: (spec, signal) => spawnDetached(spec, { bootId, cgroup }, signal),
    run,
    list: async (uids) => listProcesses(uids, bootId),
    signal: async (identity, name) => sendSignal(identity, name, bootId),
  }
}

/**
 * Node has no pidfd. Between the look and the kill nothing here waits, and a pid comes round again only after all the
 * others have been used: some thousand forks in some microseconds.
 */
function sendSignal(identity: ProcessIdentity, name: 'SIGTERM' | 'SIGKILL', bootId: string): boolean {
  if (!isSame(readIdentity(identity.pid, bootId), identity)) return false
  try {
    return process.kill(identity.pid, name)
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false
    throw error
  }
}

function isSame(there: ProcessIdentity | null, meant: ProcessIdentity): boolean {
  return (
    there !== null &&
    there.pid === meant.pid &&
    there.startTime === meant.startTime &&
    there.bootId === meant.bootId &&
    there.uid === meant.uid &&
    there.executable === meant.executable
  )
}
