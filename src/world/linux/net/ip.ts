import type { Process, RunSpec } from '../../process.ts'
import { type BatchReport, readFailures } from './ip-failures.ts'
import { type LinkDetails, type PlainLink, parseDetails, parseLinks } from './ip-parse.ts'

type Run = Process['run']

/** Bytes of a listing; a link is some 350, and 1,500 in detail. */
const limit = 64 << 20

/**
 * Every link of the namespace with its IPv4 addresses. Not in detail: ip(8) then asks the name service for the owner of
 * each TAP, which takes four times as long as all else.
 */
export async function listLinks(run: Run, signal: AbortSignal): Promise<readonly PlainLink[]> {
  const lines = ['link show', 'addr show']
  const { code, stdout, stderr } = await run(spec(['-N', '-4', '-j'], lines), signal)
  if (code !== 0) throw new Error(`ip cannot list the links of this host: ${stderr.trim()}`)
  return parseLinks(stdout)
}

/** Names of links up to which it pays to ask for each by itself. */
const few = 100

/** Details of the links of those names, or of more; one that is gone by now is left out, and may take others with it. */
export async function listDetails(
  run: Run,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly LinkDetails[]> {
  const lines = names.length > few ? ['link show'] : names.map((name) => `link show dev ${name}`)
  return parseDetails((await run(spec(['-N', '-j', '-d', '-force'], lines), signal)).stdout)
}

/**
 * Characters of one batch: what a socket takes in one piece. When we are killed, ip(8) gets the whole batch or nothing of
 * it, and never a line that is cut in a number.
 */
const batchLength = 32_768

/** Runs lines that change something, with `force` past failing ones. Throws when it cannot be told what was done. */
export async function runLines(
  run: Run,
  lines: readonly string[],
  force: boolean,
  signal: AbortSignal,
): Promise<BatchReport> {
  const failures = new Map<number, string>()
  let done = 0
  for (const batch of batchesOf(lines)) {
    const { code, stderr } = await run(spec(force ? ['-force'] : [], batch), signal)
    if (code === 0) {
      done += batch.length
      continue
    }
    const report = readFailures(stderr, batch, force)
    for (const [line, words] of report.failures) failures.set(done + line, words)
    done += report.done
    if (report.done < batch.length) break
  }
  return { failures, done }
}

function batchesOf(lines: readonly string[]): readonly (readonly string[])[] {
  const batches: string[][] = []
  let length = batchLength
  for (const line of lines) {
    length += line.length + 1
    if (length > batchLength) {
      batches.push([])
      length = line.length + 1
    }
    batches.at(-1)!.push(line)
  }
  return batches
}

/** Milliseconds for a batch: deleting a bridge takes the kernel up to 35, anything else far less. */
function spec(options: readonly string[], lines: readonly string[]): RunSpec {
  const stdin = `${lines.join('\n')}\n`
  return { argv: ['ip', ...options, '-batch', '-'], stdin, timeout: 15_000 + 100 * lines.length, limit }
}
