import type { Listener } from './stream.ts'
import type { Unprivileged } from './unprivileged.ts'

/**
 * One process, told apart from every other that ever had its number: a pid is reused, a pid with its start time and
 * boot id is not (proc(5), field 22 of `/proc/PID/stat`).
 */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks since boot. */
  readonly startTime: number
  readonly bootId: string
  readonly uid: number
  /** What `/proc/PID/exe` points to; ` (deleted)` cut off. */
  readonly executable: string
  /** What `/proc/PID/cwd` points to; ` (deleted)` cut off. Empty where the kernel does not tell us. */
  readonly directory: string
}

/** A process that outlives us: its own session, an unprivileged uid, no capabilities, no new privileges. */
export interface SpawnSpec extends Unprivileged {
  /** Executable first, by absolute path. */
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly directory: string
  /** Become fds 3, 4, ... of the child, in order. They are released here once the child holds them, or when it fails. */
  readonly listeners: readonly Listener[]
  /** stdout and stderr are appended here; the file is made 0600 when absent. */
  readonly output: string
}

/** A program that is run to its end. */
export interface RunSpec {
  readonly argv: readonly string[]
  readonly stdin?: string
  /** Milliseconds; afterwards it is killed and the call throws. */
  readonly timeout: number
  /** Bytes of stdout and of stderr that are kept; more is an error. Default 1 MiB. */
  readonly limit?: number
}

export interface RunResult {
  /** Exit code, or 128 + the number of the signal that ended it. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Processes of this host. */
export interface Process {
  bootId(): string
  /** Resolves once the program itself runs (not merely the fork); throws with its first words when it dies at once. */
  spawn(spec: SpawnSpec, signal: AbortSignal): Promise<ProcessIdentity>
  run(spec: RunSpec, signal: AbortSignal): Promise<RunResult>
  /** Every process whose real uid is one of `uids`; zombies are left out. */
  list(uids: ReadonlySet<number>): Promise<readonly ProcessIdentity[]>
  /** Sends only when pid, start time, boot id, uid and executable still agree; false when that process is gone. */
  signal(identity: ProcessIdentity, name: 'SIGTERM' | 'SIGKILL'): Promise<boolean>
}
