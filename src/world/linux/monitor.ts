import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../clock.ts'
import type { Stop } from '../watch.ts'
import { describe } from './file-error.ts'
import { findProgram, toolEnvironment } from './program.ts'

/** Milliseconds until a monitor must have joined its netlink group; 10 is usual. */
const deadline = 5000

/** Milliseconds before a monitor that died is started again: doubled each time, from the first to the last. */
const backoff = { first: 100, last: 10_000 }

/** Characters of its stderr that an error shows. */
const firstWords = 500

/**
 * Runs a program that prints whenever the kernel tells of a change, and wakes on whatever it prints. Resolves once it
 * has joined its netlink group; rejects when it cannot be started at all. One that dies wakes, is started again, and
 * wakes once more when it listens, since what happened between is lost.
 */
export async function monitor(argv: readonly string[], clock: Clock, wake: () => void): Promise<Stop> {
  const stopping = new AbortController()
  const tell = () => {
    if (!stopping.signal.aborted) wake()
  }
  const begin = () => start(argv, tell, stopping.signal)
  const keep = async (first: Monitor) => {
    let current: Monitor | null = first
    for (let wait = backoff.first; !stopping.signal.aborted; wait = Math.min(wait * 2, backoff.last)) {
      const since = clock.monotonic()
      await current?.ended
      if (clock.monotonic() - since > backoff.last) wait = backoff.first
      tell()
      await clock.sleep(wait, stopping.signal)
      current = await begin().catch(() => null)
      tell()
    }
  }
  // It ends by an aborted sleep alone.
  keep(await begin()).catch(() => {})
  return () => stopping.abort()
}

interface Monitor {
  /** Resolves when it has died. */
  readonly ended: Promise<void>
}

/** It dies with us, also when we are killed: PR_SET_PDEATHSIG outlives the execs of setpriv and of `ip netns exec`. */
async function start(argv: readonly string[], tell: () => void, signal: AbortSignal): Promise<Monitor> {
  const child = spawn(findProgram('setpriv'), ['--pdeathsig', 'KILL', '--', ...argv], {
    env: toolEnvironment,
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGKILL',
  })
  child.stdout.on('data', tell)
  // Also what it says went wrong: events that did not fit its socket (ENOBUFS) are lost.
  child.stderr.on('data', tell)
  // 'error' comes without 'exit' when it could not be forked.
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()).on('error', () => resolve()))
  await untilItListens(child, argv.join(' ')).catch((error: unknown) => {
    child.kill('SIGKILL')
    throw error
  })
  return { ended }
}

async function untilItListens(child: ChildProcess, name: string): Promise<void> {
  let words = ''
  let death: string | null = null
  child.stderr?.on('data', (piece) => {
    if (words.length < firstWords) words += piece
  })
  child.once('error', (error) => {
    death = describe(error)
  })
  child.once('close', (code, signal) => {
    death ??= `ended with ${signal ?? `code ${code}`}`
  })
  for (const until = performance.now() + deadline; performance.now() < until; await delay(2)) {
    if (death !== null) throw new Error(`${name} does not run: ${[death, words.trim()].filter(Boolean).join(': ')}`)
    if (child.pid !== undefined && hasJoined(child.pid)) return
  }
  throw new Error(`${name} joined no netlink group within ${deadline} ms; see whether the host is overloaded`)
}

/**
 * True when a netlink socket of the process belongs to a multicast group, as its own namespace shows. False may be
 * wrong: the kernel's list skips sockets while others come and go (4 to 44 of 3000 looks when many did), so ask again.
 */
export function hasJoined(pid: number): boolean {
  try {
    const links = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
    return readFileSync(`/proc/${pid}/net/netlink`, 'latin1')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .some(([, , , groups, , , , , , inode]) => links.includes(`socket:[${inode}]`) && Number(`0x${groups}`) !== 0)
  } catch {
    // It has gone, or closed a descriptor between two looks.
    return false
  }
}
