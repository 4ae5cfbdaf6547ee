import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { basename } from 'node:path'
import type { RunResult, RunSpec } from '../process.ts'
import { codeOf } from './file-error.ts'
import { toolEnvironment } from './program.ts'

/** Bytes of each stream that are kept when the caller says nothing. */
const defaultLimit = 1 << 20

/**
 * Runs a program to its end, in a session of its own: Ctrl-C on our terminal does not cut a half-done change short, and
 * what it started is killed with it. It gets {@link toolEnvironment} and nothing of ours. A program that a signal ended
 * has the code 128 + signal, as in a shell. Throws when it is not there, takes too long, prints too much, or on abort
 * (with the signal's reason).
 */
export function run(spec: RunSpec, signal: AbortSignal): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const [program = '', ...rest] = spec.argv
    const child = spawn(program, rest, { env: toolEnvironment, stdio: 'pipe', detached: true })
    let failure: unknown
    const stop = (reason: unknown) => {
      failure ??= reason
      killGroup(child)
    }
    const tooLong = () =>
      stop(new Error(`${name(spec)} took more than ${spec.timeout} ms and was ended; see why it hangs`))
    const timer = setTimeout(tooLong, spec.timeout)
    const onAbort = () => stop(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    const limit = spec.limit ?? defaultLimit
    const tooMuch = () =>
      stop(new Error(`${name(spec)} printed more than ${limit} bytes and was ended; ask it for less`))
    const stdout = collect(child.stdout, limit, tooMuch)
    const stderr = collect(child.stderr, limit, tooMuch)
    child.once('error', (error) => {
      failure ??= spawnError(error, spec)
    })
    child.once('close', (code, ended) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      if (failure !== undefined) return reject(failure)
      resolve({ code: code ?? 128 + constants.signals[ended ?? 'SIGKILL'], stdout: stdout(), stderr: stderr() })
    })
    // A program that does not read its input closes it: that is its business, told by its exit code.
    child.stdin.on('error', () => {})
    child.stdin.end(spec.stdin ?? '')
  })
}

function collect(stream: NodeJS.ReadableStream, limit: number, tooMuch: () => void): () => string {
  const pieces: Buffer[] = []
  let length = 0
  stream.on('data', (piece: Buffer) => {
    length += piece.length
    if (length > limit) return tooMuch()
    pieces.push(piece)
  })
  return () => Buffer.concat(pieces).toString('utf8')
}

/** The whole session: a tool's own children hold its pipes and would keep us waiting. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error
  }
}

function spawnError(error: Error, spec: RunSpec): Error {
  if (codeOf(error) !== 'ENOENT') return new Error(`${name(spec)} cannot be run (${codeOf(error)})`, { cause: error })
  return new Error(`${name(spec)} is not installed; install the package that has it`, { cause: error })
}

function name(spec: RunSpec): string {
  return basename(spec.argv[0] ?? 'nothing')
}
