import { withDeadline } from '../world/deadline.ts'
import { ConnectError, type Connection } from '../world/stream.ts'
import type { Context } from './context.ts'
import { newEscapes } from './escape.ts'
import { Failure } from './failure.ts'
import type { Page } from './page.ts'
import { findRuntime } from './runtime.ts'
import { rawTerminal } from './terminal.ts'

const help = '\r\n~. detaches, ~~ sends one ~, ~? prints this\r\n'

/** Milliseconds; a socket of this host answers at once or not at all. */
const deadline = 5000

/** `moorage console NAME`. */
export const attach: Page<[string], { namespace?: string }> = {
  define(command) {
    command
      .argument('<name>', 'a MicroVM')
      .option('-n, --namespace <namespace>', 'where it is; needed when a name is in several')
      .addHelpText('after', '\nType Enter, then ~. to detach. The VM runs on, also when the controller does not run.')
  },
  async run(context, [name], { namespace }) {
    const { consoleSocket } = await findRuntime(context, name, namespace)
    const connection = await connect(context, consoleSocket, name)
    if (context.terminal.input) context.note(`Attached to ${name}; Enter and ~. detach.`)
    const detached = await talk(context, connection)
    if (!detached) throw new Failure(`the console of ${name} was closed: its VMM has ended`)
    if (context.terminal.input) context.note(`\r\nDetached; ${name} runs on.`)
    return 0
  },
}

async function connect({ stream, clock }: Context, path: string, name: string): Promise<Connection> {
  try {
    return await withDeadline(clock, deadline, null, (signal) => stream.connect(path, signal))
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error
    if (error.code === 'EAGAIN') throw new Failure(`somebody else is attached to ${name}`)
    throw new Failure(`the console of ${name} does not answer (${error.code}): its VMM has ended`)
  }
}

/** Both ways until somebody leaves; true when that was the user, or the end of what he piped in. */
async function talk({ terminal }: Context, connection: Connection): Promise<boolean> {
  const restore = rawTerminal()
  const escapes = newEscapes()
  try {
    return await new Promise<boolean>((resolve) => {
      connection.listen({
        data: (bytes) => void process.stdout.write(bytes),
        end: () => resolve(false),
      })
      process.stdin.on('data', (bytes: Buffer) => {
        const typed = escapes(bytes)
        if (typed.send.length > 0) connection.write(typed.send)
        if (typed.help && terminal.error) process.stderr.write(help)
        if (typed.detach) resolve(true)
      })
      process.stdin.once('end', () => resolve(true))
      process.stdin.resume()
    })
  } finally {
    restore()
    connection.close()
    process.stdin.destroy()
  }
}
