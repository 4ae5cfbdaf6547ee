import type { Clock } from '../../world/clock.ts'
import type { Connection } from '../../world/stream.ts'
import { QmpError, type Wait } from './error.ts'
import { lines } from './lines.ts'
import { parseMessage, type QmpEvent, type QmpMessage } from './message.ts'
import { type Pending, pending } from './pending.ts'

/** Bytes of one line; QEMU's longest answers here have a few kilobytes. */
const longestLine = 1 << 20

/** QEMU's machine protocol on one connection, past its greeting. */
export interface Qmp {
  /** Of the VMM, `7.2.22`. */
  readonly version: string
  /**
   * Answers what QEMU returns. Throws a {@link QmpError}, or the reason of the signal; a late answer is dropped when it
   * comes after all, and the connection lives on.
   */
  execute(command: string, args: Readonly<Record<string, unknown>>, wait: Wait): Promise<unknown>
  /** Hangs up; the VMM goes on. */
  close(): void
}

export interface QmpHandlers {
  event(event: QmpEvent): void
  /** Called once, whoever ended it; null when that was us. */
  end(error: Error | null): void
}

/**
 * Waits for the greeting and ends the negotiation. QEMU serves one client at a time: while another is served, no
 * greeting comes, and the connection waits in its queue. Closes the connection when it throws. Garbage and a line without
 * end close it too: whoever speaks so is not to be trusted with a command.
 */
export async function openQmp(connection: Connection, clock: Clock, handlers: QmpHandlers, wait: Wait): Promise<Qmp> {
  const session = listenTo(connection, clock, handlers)
  try {
    const version = (await session.answers.wait(greetingId, 'its greeting', wait)) as string
    const qmp = { version, execute: session.execute, close: session.close }
    await qmp.execute('qmp_capabilities', {}, wait)
    return qmp
  } catch (error) {
    session.close()
    throw error
  }
}

/** The greeting is awaited like an answer, under an id that no command gets. */
const greetingId = 0

interface Session extends Omit<Qmp, 'version'> {
  readonly answers: Pending
}

function listenTo(connection: Connection, clock: Clock, handlers: QmpHandlers): Session {
  const answers = pending(clock)
  const split = lines(longestLine)
  let next = greetingId + 1
  let failure: Error | null = null

  const take = (message: QmpMessage): void => {
    if (message.kind === 'event') {
      handlers.event(message.event)
      return
    }
    const id = message.kind === 'greeting' ? greetingId : message.id
    // The greeting's own id is no command's: what it waits for is a version.
    if (message.kind !== 'greeting' && (id <= greetingId || id >= next))
      throw new Error(`QEMU answered command ${id}, which was never sent`)
    if (message.kind === 'error') {
      answers.reject(id, new QmpError('refused', message.description, message.errorClass))
    } else answers.resolve(id, message.kind === 'greeting' ? message.version : message.value)
  }
  connection.listen({
    data: (bytes) => {
      if (failure) return
      try {
        for (const line of split.push(bytes)) if (line.trim() !== '') take(parseMessage(line))
      } catch (error) {
        failure = error as Error
        connection.close()
      }
    },
    end: (error) => {
      failure ??= error
      answers.end(new QmpError('closed', sayClosed(failure), '', { cause: failure }))
      handlers.end(failure)
    },
  })
  return {
    answers,
    execute: async (command, args, wait) => {
      wait.signal.throwIfAborted()
      const id = next++
      const answer = answers.wait(id, `an answer to ${command}`, wait)
      const line = JSON.stringify({ execute: command, arguments: args, id })
      connection.write(new TextEncoder().encode(`${line}\n`))
      return await answer
    },
    close: () => connection.close(),
  }
}

function sayClosed(failure: Error | null): string {
  return `the connection to QEMU's monitor ended${failure ? `: ${failure.message}` : ''}`
}
