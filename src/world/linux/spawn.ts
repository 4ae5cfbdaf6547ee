import { type ChildProcess, spawn } from 'node:child_process'
import { realpathSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { ProcessIdentity, SpawnSpec } from '../process.ts'
import { unprivileged } from '../unprivileged.ts'
import { moveTo } from './control-group.ts'
import { codeOf, describe } from './file-error.ts'
import { descriptorOf } from './listener.ts'
import { type Output, openOutput } from './output.ts'
import { readExecutable, readIdentity } from './proc.ts'
import { findProgram } from './program.ts'
import { run } from './run.ts'
import { withUmask } from './umask.ts'

/** Milliseconds from fork to the program itself; 2 are usual, one of them for setpriv. */
const deadline = 5000

/**
 * Starts a program that outlives us: in a session of its own, so that no terminal and no Ctrl-C reaches it, and with
 * nothing left by which it could raise its rights. Resolves once `/proc/PID/exe` is no longer the tool that gets it there.
 */
export async function spawnDetached(
  spec: SpawnSpec,
  { bootId, cgroup }: { readonly bootId: string; readonly cgroup: string | null },
  signal: AbortSignal,
): Promise<ProcessIdentity> {
  let output: Output | null = null
  try {
    signal.throwIfAborted()
    if (!coreless) await dumpNoCore()
    output = openOutput(spec.output)
    const setpriv = findProgram('setpriv')
    const child = fork(spec, [setpriv, ...unprivileged(spec), '--', ...spec.argv], output.descriptor)
    // libuv returns after the first exec, so the child has its copies. Ours would make a dead VMM's socket look alive.
    releaseAll(spec)
    try {
      if (cgroup !== null && child.pid !== undefined) moveTo(cgroup, child.pid)
      if (child.pid !== undefined) giveUpShield(child.pid)
      return await untilItRuns(child, spec, realpathSync(setpriv), bootId, signal)
    } catch (error) {
      child.kill('SIGKILL')
      throw error
    }
  } catch (error) {
    const words = output?.firstWords() ?? ''
    throw words !== '' && error instanceof Error ? new Error(`${error.message}: ${words}`, { cause: error }) : error
  } finally {
    releaseAll(spec)
    output?.close()
  }
}

function releaseAll(spec: SpawnSpec): void {
  for (const listener of spec.listeners) listener.release()
}

/**
 * What protects us from the kernel's OOM killer - a pod of a critical priority has -997, the unit -500 - is not for what we
 * start: a host that is short of memory would end its own services before the VM that took it (proc(5), oom_score_adj).
 */
function giveUpShield(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, '0')
  } catch (error) {
    // Gone already; or an administrator has us die first, and who inherits that may not take it back.
    if (!['ENOENT', 'ESRCH', 'EACCES'].includes(codeOf(error))) throw error
  }
}

/** Whether we have seen to it once. */
let coreless = false

/**
 * From then on neither we nor what we start dumps core: a dump would hold secrets. The limit is 1, not 0: a dump that
 * core_pattern pipes to a program ignores the limit, save that 1 forbids it (coredump_pipe in the kernel's
 * fs/coredump.c); a file below a page is never written.
 */
async function dumpNoCore(): Promise<void> {
  const argv = [findProgram('prlimit'), `--pid=${process.pid}`, '--core=1:1']
  const { code, stderr } = await run({ argv, timeout: deadline }, new AbortController().signal)
  if (code !== 0) throw new Error(`core dumps cannot be forbidden: ${stderr.trim()}`)
  coreless = true
}

function fork(spec: SpawnSpec, argv: readonly string[], output: number): ChildProcess {
  const [launcher = '', ...rest] = argv
  const options = {
    cwd: spec.directory,
    env: { ...spec.env },
    detached: true,
    stdio: ['ignore', output, output, ...spec.listeners.map(descriptorOf)] satisfies ['ignore', ...number[]],
  }
  const child = withUmask(0o077, () => spawn(launcher, rest, options))
  child.unref()
  return child
}

async function untilItRuns(
  child: ChildProcess,
  spec: SpawnSpec,
  launcher: string,
  bootId: string,
  signal: AbortSignal,
): Promise<ProcessIdentity> {
  const name = basename(spec.argv[0] ?? 'nothing')
  const death = watchDeath(child)
  for (const until = performance.now() + deadline; performance.now() < until; await delay(1)) {
    signal.throwIfAborted()
    const cause = death()
    if (cause !== null) throw new Error(`${name} in ${spec.directory} ${cause}`)
    const { pid } = child
    const executable = pid === undefined ? '' : readExecutable(`/proc/${pid}`)
    const runs = executable !== '' && executable !== launcher
    const identity = runs && pid !== undefined ? readIdentity(pid, bootId) : null
    if (identity !== null) return identity
  }
  throw new Error(`${name} was not seen to run within ${deadline} ms; is the host overloaded, or /proc/PID/exe hidden?`)
}

/** Answers how the child ended, null while it has not. Node reaps it, so no zombie stays while we live. */
function watchDeath(child: ChildProcess): () => string | null {
  let cause: string | null = null
  child.once('error', (error) => {
    cause = `cannot be started: ${describe(error)}`
  })
  child.once('exit', (code, signal) => {
    cause = signal === null ? `ended at once with code ${code}` : `was ended at once by ${signal}`
  })
  return () => cause
}
