import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** `ip` or `nft` that waits for lines, so that a change by hand costs no start of a process. */
export interface Feed {
  /** Writes a line; answers the moment on the clock of `performance.now()`. */
  write(line: string): number
  /** Writes lines of which the last prints something; answers the milliseconds until it has. */
  take(lines: readonly string[]): Promise<number>
  close(): Promise<void>
}

/** Milliseconds until a line counts as lost. */
const patience = 10_000

export const ipFeed = (): Feed => open(['ip', '-force', '-batch', '-'])
export const nftFeed = (): Feed => open(['env', 'HOME=/dev/null', 'TERM=dumb', 'nft', '-i'])

function open([program = '', ...args]: readonly string[]): Feed {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  let heard: () => void = () => {}
  child.stdout.on('data', () => heard())
  return {
    write(line) {
      const at = performance.now()
      child.stdin.write(`${line}\n`)
      return at
    },
    take: (lines) =>
      new Promise((resolve, reject) => {
        const from = performance.now()
        const timer = setTimeout(() => reject(new Error(`${program} did not answer "${lines.at(-1)}"`)), patience)
        heard = () => {
          heard = () => {}
          clearTimeout(timer)
          resolve(performance.now() - from)
        }
        child.stdin.write(`${lines.join('\n')}\n`)
      }),
    async close() {
      const gone = once(child, 'exit')
      child.stdin.end()
      await gone
    },
  }
}
