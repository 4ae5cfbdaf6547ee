import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds after which a killed process counts as stuck. */
const patience = 30_000

/** Every process of our PID namespace. */
export function pids(): readonly number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger)
}

/** Those that run a program of this name, zombies left out. */
export function pidsOf(program: string): readonly number[] {
  return pids().filter((pid) => executableOf(pid) === program)
}

/** Kills and waits until they are gone; a zombie is. Throws when one stays. */
export async function end(those: readonly number[]): Promise<void> {
  for (const pid of those) kill(pid)
  const until = performance.now() + patience
  for (let left = those; left.length > 0; left = left.filter(isAlive)) {
    if (performance.now() > until) throw new Error(`process ${left.join(', ')} was killed and is still there`)
    await sleep(5)
  }
}

export function isAlive(pid: number): boolean {
  const stat = textOf(`/proc/${pid}/stat`)
  return stat !== '' && !/^\d+ \(.*\) [ZX]/s.test(stat)
}

/** CPU that a process and the children it has waited for have used, milliseconds. The kernel counts in hundredths. */
export function cpuOf(pid: number): number {
  const stat = textOf(`/proc/${pid}/stat`)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // Fields 14 to 17 of proc_pid_stat(5): utime, stime, cutime, cstime.
  return fields.slice(14 - 3, 18 - 3).reduce((sum, field) => sum + Number(field), 0) * 10
}

/** The same of a process and all that came of it and still lives, but for one program. */
export function cpuOfFamily(pid: number, except: string): number {
  const parents = new Map(pids().map((one) => [one, parentOf(one)]))
  const belongs = (one: number): boolean => one === pid || (one > 1 && belongs(parents.get(one) ?? 0))
  const family = [...parents.keys()].filter((one) => belongs(one) && executableOf(one) !== except)
  return family.reduce((sum, one) => sum + cpuOf(one), 0)
}

/** Resident memory, megabytes of 10^6 bytes. */
export function residentOf(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(textOf(`/proc/${pid}/status`))?.[1]
  if (kilobytes === undefined) throw new Error(`process ${pid} is gone`)
  return (Number(kilobytes) * 1024) / 1e6
}

/** Unix uid of a process. */
export function userOf(pid: number): number {
  return Number(/^Uid:\s+(\d+)/m.exec(textOf(`/proc/${pid}/status`))?.[1])
}

export function argvOf(pid: number): readonly string[] {
  return textOf(`/proc/${pid}/cmdline`).split('\0').slice(0, -1)
}

/**
 * The pid that was given out last in our PID namespace: it grows by one with each process and thread, whatever happens
 * elsewhere on the machine.
 */
export function lastPid(): number {
  return Number(textOf('/proc/loadavg').trim().split(' ')[4])
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(textOf(`/proc/${pid}/status`))?.[1] ?? 0)
}

function executableOf(pid: number): string {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`))
  } catch {
    return ''
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
