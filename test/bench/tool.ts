import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'

const limit = 256 << 20

/** Runs a tool and answers what it prints. Throws with its words when it fails. */
export function tool(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', maxBuffer: limit, stdio: ['ignore', 'pipe', 'pipe'] })
}

/** The same beside other work. */
export async function toolBeside(program: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { encoding: 'utf8', maxBuffer: limit })
  return stdout
}

/** Runs a tool of which a failure is no news: what it removes is not there. */
export function attempt(program: string, ...args: readonly string[]): void {
  try {
    tool(program, ...args)
  } catch {
    // Nothing to remove.
  }
}
