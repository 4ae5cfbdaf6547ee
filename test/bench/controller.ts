import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { get } from 'node:http'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Root } from './root.ts'
import type { Stage } from './stage.ts'

/** A line of the controller's log, and when it was read on the clock of `performance.now()`. */
export interface Line {
  readonly at: number
  readonly msg: string
  readonly action: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** A controller as a user runs it, seen from outside: by its log, its metrics and `/proc`. */
export interface Controller {
  readonly pid: number
  /** When it was spawned, on the clock of `performance.now()`. */
  readonly spawnedAt: number
  /** Every line so far. */
  readonly lines: readonly Line[]
  /** The `count`-th line behind number `from` that is meant. Throws with the last lines when it does not come. */
  until(what: string, isMeant: (line: Line) => boolean, options?: UntilOptions): Promise<Line>
  /** The value of a metric, all labels added up. */
  metric(name: string): Promise<number>
  /** Kills it; its VMs run on. */
  kill(): Promise<void>
}

export interface UntilOptions {
  /** Default 1. */
  readonly count?: number
  /** Lines before this one do not count; default 0. */
  readonly from?: number
  /** Default 60,000. */
  readonly milliseconds?: number
}

/** Where its metrics are; the network namespace is ours. */
const metrics = { host: '127.0.0.1', port: 9464 }

export const isDone =
  (kind: string) =>
  ({ msg, action }: Line): boolean =>
    msg === 'done' && action.startsWith(kind)

/** Starts a controller of a root; it has looked once when this resolves. */
export async function startController(stage: Stage, root: Root, args: readonly string[] = []): Promise<Controller> {
  const controller = spawnController(stage, root, args)
  await untilReady(controller)
  return controller
}

/** Starts a controller of a root and does not wait. */
export function spawnController(stage: Stage, root: Root, args: readonly string[] = []): Controller {
  const where = ['--root', root.path, '--manifests', root.manifests, '--metrics', `${metrics.host}:${metrics.port}`]
  const spawnedAt = performance.now()
  const child = spawn(process.execPath, [...profiling(root), stage.moorage, 'run', ...where, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: Line[] = []
  const waiting = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (text) => {
      lines.push(lineOf(text))
      for (const look of waiting) look()
    })
  }
  return {
    pid: child.pid ?? 0,
    spawnedAt,
    lines,
    until: (what, isMeant, options = {}) => untilLine(child, lines, waiting, what, isMeant, options),
    metric: async (name) => sum(await fetchText('/metrics'), name),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill(process.env.MOORAGE_PROFILE ? 'SIGTERM' : 'SIGKILL')
      await gone
    },
  }
}

/** `MOORAGE_PROFILE=DIR` writes a CPU profile of each controller there, for those who look where time goes. */
function profiling(root: Root): readonly string[] {
  const folder = process.env.MOORAGE_PROFILE
  if (!folder) return []
  return ['--cpu-prof', '--cpu-prof-interval', '200', '--cpu-prof-dir', folder, `--title=${root.path}`]
}

/** Waits until its first pass has ended. */
export async function untilReady(controller: Controller): Promise<void> {
  for (const until = performance.now() + 30_000; performance.now() < until; await sleep(5)) {
    if ((await fetchText('/readyz').catch(() => '')) === 'ok\n') return
  }
  throw new Error(`the controller did not get ready in 30 s; it said:\n${tail(controller.lines)}`)
}

function untilLine(
  child: ChildProcess,
  lines: readonly Line[],
  waiting: Set<() => void>,
  what: string,
  isMeant: (line: Line) => boolean,
  { count = 1, from = 0, milliseconds = 60_000 }: UntilOptions,
): Promise<Line> {
  return new Promise((resolve, reject) => {
    let at = from
    let found = 0
    const finish = () => {
      clearTimeout(timer)
      waiting.delete(look)
      child.off('exit', ended)
    }
    const fail = (why: string) => {
      finish()
      reject(new Error(`${what}: ${why}; the controller said last:\n${tail(lines)}`))
    }
    const ended = () => fail('the controller ended')
    const timer = setTimeout(() => fail(`${found} of ${count} in ${milliseconds} ms`), milliseconds)
    const look = () => {
      for (; at < lines.length; at += 1) {
        const line = lines[at]!
        if (line.msg === 'failed') return fail('an action failed')
        if (isMeant(line)) found += 1
        if (found < count) continue
        finish()
        return resolve(line)
      }
    }
    waiting.add(look)
    child.once('exit', ended)
    look()
  })
}

function lineOf(text: string): Line {
  const at = performance.now()
  try {
    const fields = JSON.parse(text) as Record<string, unknown>
    return { at, msg: String(fields.msg), action: String(fields.action ?? ''), fields }
  } catch {
    return { at, msg: text, action: '', fields: {} }
  }
}

function tail(lines: readonly Line[]): string {
  return lines
    .slice(-12)
    .map(({ msg, fields }) => (Object.keys(fields).length === 0 ? msg : JSON.stringify(fields)))
    .join('\n')
}

function fetchText(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ ...metrics, path, agent: false, timeout: 5000 }, (message) => {
      let text = ''
      message.setEncoding('utf8').on('data', (piece) => {
        text += piece
      })
      message.once('end', () => resolve(text)).once('error', reject)
    }).once('error', reject)
  })
}

function sum(text: string, name: string): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}
