import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** What one run of a bundle is asked. */
export interface TrialOptions {
  readonly last: number
  /** On a processor. */
  readonly seconds: number
  readonly skip: readonly string[]
  /** Goes on behind a violation. */
  readonly all: boolean
  /** Stories and seeds of clusters instead of drills and seeds of hosts. */
  readonly cluster: boolean
}

/** What a bundle came to. */
export interface Trial {
  /** Drills and seeds that were run to their end. */
  readonly runs: number
  /** What was violated, crashed or hung, and where: `seed 7`, or the name of a drill. The first is what counts. */
  readonly found: readonly { readonly where: string; readonly what: string }[]
  readonly seconds: number
}

/** Seconds on a processor without a line after which a child hangs: a seed takes a tenth of one, a drill one at most. */
const silence = 12

/** Runs a bundle of child.ts in a process of its own, which ends with it. */
export function runTrial(bundle: string, { last, seconds, skip, all, cluster }: TrialOptions): Promise<Trial> {
  const argv = [
    '--last',
    String(last),
    '--seconds',
    String(seconds),
    '--skip',
    skip.join(),
    ...(all ? ['--all'] : []),
    ...(cluster ? ['--cluster'] : []),
  ]
  const began = performance.now()
  const child = spawn(process.execPath, [bundle, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] })
  const found: { where: string; what: string }[] = []
  let where = 'its begin'
  let runs = 0
  let words = ''
  let spoken = 0
  const watchdog = setInterval(() => {
    if (processorSeconds(child.pid) - spoken < silence) return
    clearInterval(watchdog)
    found.push({ where, what: `hang: not a word in ${silence} s on a processor` })
    child.kill('SIGKILL')
  }, 1000)
  child.stderr.on('data', (bytes: Buffer) => {
    words = `${words}${bytes.toString()}`.slice(-2000)
  })
  createInterface({ input: child.stdout }).on('line', (text) => {
    spoken = processorSeconds(child.pid)
    const line = JSON.parse(text) as { begin?: string; end?: string; broken?: string | null; crash?: string }
    if (line.begin !== undefined) where = line.begin
    if (line.end !== undefined) runs += 1
    if (line.broken) found.push({ where, what: line.broken })
    if (line.crash !== undefined) found.push({ where, what: `crash: ${line.crash}` })
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      clearInterval(watchdog)
      if (code !== 0 && found.length === 0) found.push({ where, what: `crash: ${words.trim() || `code ${code}`}` })
      resolve({ runs, found, seconds: (performance.now() - began) / 1000 })
    })
  })
}

/** Fields 14 and 15 of proc_pid_stat(5), in ticks of which there are 100 a second; 0 when it is gone. */
function processorSeconds(pid: number | undefined): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return 0
  }
}
