import type { World } from '../../world/world.ts'
import { QmpError } from '../qmp/error.ts'
import { isRecord } from '../qmp/message.ts'
import { type Bell, newBell } from './bell.ts'
import { emptyJournal } from './journal.ts'
import { journalFile } from './journal-file.ts'
import { watchLife } from './life.ts'
import { newLine } from './line.ts'
import { newsDesk } from './news.ts'
import type { Vitals } from './phase.ts'
import type { Runtime } from './runtime.ts'

type Arguments = Readonly<Record<string, unknown>>

/**
 * What is held of one incarnation: one QMP connection, and its life socket while there is none. While it is open and no
 * event has come, nothing has changed and looking costs nothing.
 */
export interface Session {
  readonly vitals: Vitals
  /** Nothing has happened since the last refresh. */
  readonly fresh: boolean
  /** Aborted by {@link Session.close}: nothing is known of it from then on, and no refresh brings anything. */
  readonly closed: AbortSignal
  /** Rings at whatever happens. */
  readonly bell: Bell
  /** Brings `vitals` up to date; waits half a second at most, and not at all for a VMM that has been silent for longer. */
  refresh(): Promise<void>
  /** Asks whether it still answers, when it has not been asked for a minute. Does not wait. */
  check(): void
  /** As Qmp.execute once it has greeted, within `timeout` milliseconds for both. */
  execute(command: string, args: Arguments, timeout: number, signal: AbortSignal): Promise<unknown>
  close(): void
}

/** Milliseconds that a refresh waits for an answer, and for what can be seen without one. */
const patience = 500
const glance = 20

/** Milliseconds between two questions of one refresh. */
const breather = 5

/** Milliseconds after which an answer is asked for, and after which a question counts as lost. */
const checkEvery = 60_000
const answerIn = 30_000

export function newSession(world: World, runtime: Runtime, wake: () => void, warn: (what: string) => void): Session {
  const { clock } = world
  const ended = new AbortController()
  const bell = newBell(clock)
  const journals = journalFile(world.files, runtime)
  let held = true
  let runState: string | null = null
  let journal = emptyJournal
  let silentSince: number | null = clock.monotonic()
  let answeredAt = clock.monotonic()
  /** Things that happened, and how many of them the vitals know of. */
  let happened = 1
  let known = 0
  let updating: Promise<void> | null = null
  /** Whether it answered when it was last waited for. */
  let patient = true

  const stir = (): void => {
    if (ended.signal.aborted) return
    happened += 1
    bell.ring()
    wake()
  }
  const onLine = (): void => {
    if (!line.qmp) silentSince ??= clock.monotonic()
    stir()
  }
  const life = watchLife(world, runtime.life, stir)
  const line = newLine(world, runtime.qmp, { event: newsDesk(clock, stir), changed: onLine })

  const query = async (): Promise<void> => {
    silentSince ??= clock.monotonic()
    const answer = await line.qmp!.execute('query-status', {}, { timeout: answerIn, signal: ended.signal })
    runState = isRecord(answer) && typeof answer.status === 'string' ? answer.status : null
    silentSince = null
    answeredAt = clock.monotonic()
  }
  const update = async (): Promise<void> => {
    const at = happened
    // Its QMP connection ends with it, so nobody needs its life socket while that is open.
    if (line.qmp) life.release()
    const lives = line.qmp ? true : await life.held()
    held = lives === true
    // A socket that somebody unlinked says nothing; perhaps its QMP does.
    if (lives !== false) line.open()
    if (line.qmp) await query()
    // After its state, so that an end is never seen without its reason.
    journal = await journals.read()
    if (line.qmp || lives === false) known = at
  }
  const begin = (work: () => Promise<void>): Promise<void> => {
    updating ??= work()
      .catch((error: Error) => {
        if (!(error instanceof QmpError) && !ended.signal.aborted) warn(error.message)
        // Perhaps only this question was lost: it is asked anew, and not in a minute.
        if (error instanceof QmpError && error.reason === 'late') wake()
      })
      .finally(() => {
        updating = null
        bell.ring()
      })
    return updating
  }
  const nap = (milliseconds: number) => bell.wait(milliseconds, ended.signal).catch(() => {})
  const isFresh = () => known === happened && updating === null

  return {
    bell,
    closed: ended.signal,
    get vitals() {
      const silentFor = silentSince === null ? null : clock.monotonic() - silentSince
      return { alive: held, runState, silentFor, journal }
    },
    get fresh() {
      return isFresh()
    },
    async refresh() {
      const until = clock.monotonic() + (patient ? patience : glance)
      const left = () => until - clock.monotonic()
      while (left() > 0 && !isFresh() && !ended.signal.aborted) {
        await Promise.race([begin(update), nap(left())])
        if (isFresh() || left() <= 0) break
        // Something happened meanwhile, and it is asked again: not at once, since a socket may hang up on every call.
        const before = happened
        await clock.sleep(Math.min(left(), breather), ended.signal).catch(() => {})
        // It has not greeted yet, and rings when it does.
        if (!line.qmp && happened === before && left() > 0) await nap(left())
      }
      patient = silentSince === null
    },
    check() {
      if (!line.qmp || clock.monotonic() - answeredAt < checkEvery) return
      const before = runState
      void begin(update).then(() => (runState === before ? undefined : stir()))
    },
    async execute(command, args, timeout, signal) {
      const until = clock.monotonic() + timeout
      for (;;) {
        line.open()
        const left = until - clock.monotonic()
        if (line.qmp) return await line.qmp.execute(command, args, { timeout: Math.max(left, 1), signal })
        if (left <= 0) throw new QmpError('late', `its VMM did not greet on QMP within ${timeout} ms`)
        if ((await life.held()) === false) throw new QmpError('closed', 'its VMM ended')
        // A connection that is held outlives its path; whoever greets on it now is nobody's VMM any more.
        if (!line.qmp && (await world.files.stat(runtime.life)) === null)
          throw new QmpError('closed', 'its life socket is gone: somebody removed its runtime folder')
        await bell.wait(Math.min(left, 250), AbortSignal.any([signal, ended.signal]))
      }
    },
    close() {
      ended.abort(new Error('the controller lets go of this VM'))
      line.close()
      life.close()
    },
  }
}
