import * as z from 'zod'
import type { MachineEnd } from '../../host-state.ts'
import { parseMessage, type QmpEvent } from '../qmp/message.ts'

/** What a VMM's events come to. A value: what was read goes on from what had been read before. */
export interface Journal {
  /** The guest was let run, so its start came to its end. */
  readonly ran: boolean
  /** How it ended; null while it has not. */
  readonly end: MachineEnd | null
  /** Resets that the guest asked for. */
  readonly resets: number
  /** Microseconds since the epoch of the last reset and of the last event of all. */
  readonly resetAt: number
  readonly upTo: number
  /** Of the last request to go; null when there was none, or when the guest answered it with a reboot. */
  readonly askedAt: number | null
}

export const emptyJournal: Journal = { ran: false, end: null, resets: 0, resetAt: 0, upTo: 0, askedAt: null }

const time = z.number().min(0)

/** What is absent is as in {@link emptyJournal}. */
const schema = z.object({
  ran: z.boolean().default(false),
  end: z.enum(['GuestShutdown', 'GuestPanicked', 'Crashed', 'Stopped']).nullable().default(null),
  resets: z.int().min(0).default(0),
  resetAt: time.default(0),
  upTo: time,
  askedAt: time.nullable().default(null),
})

/** SeaBIOS resets a second time right after a guest's reset, 14 to 30 ms later here; no guest boots in half a second. */
const echo = 500_000

/** A guest that went this long after it was last asked went by itself; longer than any grace. */
const forgotten = 2 * 3600 * 1_000_000

/**
 * Reads events, one a line, as QEMU's monitor writes them. Lines that are torn or not events are passed over: an old log
 * may have been cut anywhere. Events not newer than `before` were counted in it.
 */
export function readJournal(text: string, before: Journal = emptyJournal): Journal {
  let journal = before
  for (const line of text.split('\n')) {
    const event = eventIn(line)
    if (event && event.at > before.upTo) journal = { ...take(journal, event), upTo: event.at }
  }
  return journal
}

/** What {@link Journal} was written as; null when it is not one. */
export function parseJournal(text: string): Journal | null {
  try {
    const value: unknown = JSON.parse(text)
    const parsed = schema.safeParse(value)
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}

function eventIn(line: string): QmpEvent | null {
  if (!line.includes('"event"')) return null
  try {
    const message = parseMessage(line)
    return message.kind === 'event' ? message.event : null
  } catch {
    return null
  }
}

function take(journal: Journal, { name, data, at }: QmpEvent): Journal {
  switch (name) {
    case 'RESUME':
      return { ...journal, ran: true, end: null }
    case 'POWERDOWN':
      return { ...journal, askedAt: at }
    case 'GUEST_PANICKED':
      return { ...journal, end: 'GuestPanicked' }
    case 'SHUTDOWN':
      // The first end is the end: a VMM that is told to quit afterwards says SHUTDOWN again.
      return { ...journal, end: journal.end ?? endOf(journal, data.guest === true, data.reason, at) }
    case 'RESET':
      if (data.guest !== true) return { ...journal, end: null }
      return {
        ...journal,
        end: null,
        resets: journal.resets + (at - journal.resetAt > echo ? 1 : 0),
        resetAt: at,
        askedAt: null,
      }
    default:
      return journal
  }
}

/** Reasons as in QEMU's ShutdownCause. */
function endOf(journal: Journal, guest: boolean, reason: unknown, at: number): MachineEnd {
  if (reason === 'guest-panic') return 'GuestPanicked'
  if (reason === 'host-error') return 'Crashed'
  const asked = journal.askedAt !== null && at - journal.askedAt < forgotten
  return !guest || asked ? 'Stopped' : 'GuestShutdown'
}
