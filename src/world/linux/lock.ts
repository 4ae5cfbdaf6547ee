import { spawn } from 'node:child_process'
import { closeSync, constants, fstatSync, lstatSync } from 'node:fs'
import { FileError, type Lock } from '../files.ts'
import { openOrCreate } from './descriptor.ts'
import { findProgram, toolEnvironment } from './program.ts'

/** Milliseconds; `flock -n` never waits for the lock, so more means a sick host. */
const deadline = 5000

/**
 * flock(2) belongs to the open file description, which flock(1) shares with us through its inherited fd 3: when it has
 * taken the lock and gone, we still hold it, until our descriptor is closed or we die. Node opens with O_CLOEXEC, so no
 * other child inherits it. The file stays: who unlinks a lock file lets two in.
 */
export async function takeLock(path: string): Promise<Lock | null> {
  const descriptor = openOrCreate(path, constants.O_RDWR)
  try {
    if ((await flock(descriptor, path)) && isStill(descriptor, path)) return held(descriptor)
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
  closeSync(descriptor)
  return null
}

/** False when the file was unlinked or replaced meanwhile: then the lock keeps nobody out. */
function isStill(descriptor: number, path: string): boolean {
  const ours = fstatSync(descriptor, { bigint: true })
  const there = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return there !== undefined && there.dev === ours.dev && there.ino === ours.ino
}

function flock(descriptor: number, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn(findProgram('flock'), ['-n', '-x', '3'], {
      stdio: ['ignore', 'ignore', 'ignore', descriptor],
      env: toolEnvironment,
      timeout: deadline,
      killSignal: 'SIGKILL',
    })
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      if (code === 0 || code === 1) return resolve(code === 0)
      reject(
        new FileError('ENOLCK', path, `flock(1) could not lock ${path} (${signal ?? `exit ${code}`}); try it by hand`),
      )
    })
  })
}

function held(descriptor: number): Lock {
  let open = true
  return {
    release: async () => {
      if (open) closeSync(descriptor)
      open = false
    },
  }
}
