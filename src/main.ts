#!/usr/bin/env node
import { CommanderError } from 'commander'
import { Failure } from './cli/failure.ts'
import { programFor } from './cli/program.ts'

/** Runs one command; answers the exit code. Nothing is thrown: what went wrong is one sentence on stderr. */
async function main(argv: readonly string[]): Promise<number> {
  leaveQuietly()
  try {
    if (argv[0] === '__complete') return await (await import('./cli/complete.ts')).complete(argv.slice(1))
    const program = await programFor(argv)
    if (argv.length === 0) program.outputHelp()
    else await program.parseAsync(argv, { from: 'user' })
    return Number(process.exitCode ?? 0)
  } catch (error) {
    return tell(error)
  }
}

/** A reader that leaves (`| head`) is no error; a log that nobody reads any more is no reason to end. */
function leaveQuietly(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  process.stderr.on('error', () => {})
  process.on('uncaughtException', (error) => process.exit(tell(error)))
}

function tell(error: unknown): number {
  // commander has said what it had to say.
  if (error instanceof CommanderError) return error.exitCode
  const sentences = error instanceof Failure ? error.sentences : [messageOf(error)]
  for (const sentence of sentences) process.stderr.write(`moorage: ${sentence}\n`)
  if (process.env.MOORAGE_DEBUG === '1' && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  return error instanceof Failure ? error.code : 1
}

function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.split('\n')[0] || 'failed without a word; set MOORAGE_DEBUG=1 to see where'
}

const code = await main(process.argv.slice(2))
// Whatever is still open (a watch, a socket that nobody waits for) does not keep us; what was printed goes out first.
process.stdout.write('', () => process.exit(code))
