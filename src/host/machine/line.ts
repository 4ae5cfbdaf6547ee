import type { World } from '../../world/world.ts'
import type { QmpEvent } from '../qmp/message.ts'
import { openQmp, type Qmp } from '../qmp/qmp.ts'

/** A QMP connection that is held, and dialled anew when it breaks. */
export interface Line {
  /** Null while none is open. */
  readonly qmp: Qmp | null
  /** Dials, unless it is open, being dialled, or has just broken. Does not wait. */
  open(): void
  close(): void
}

export interface LineHandlers {
  event(event: QmpEvent): void
  /** It opened, it broke, or it is time to open it again. */
  changed(): void
}

/** Milliseconds between a failure and the next try: the first, and the longest; each is twice the one before. */
const firstPause = 500
const longestPause = 30_000

/**
 * QEMU serves one QMP client at a time. While another is served we stay in its queue, for as long as it takes: so there is
 * no deadline on the greeting, and whoever wants to know how long it has been waits beside.
 */
const patience = 2 ** 31 - 1

export function newLine({ stream, clock }: World, path: string, handlers: LineHandlers): Line {
  const ended = new AbortController()
  let qmp: Qmp | null = null
  let dialling = false
  let closed = false
  let pause = firstPause
  let notBefore = Number.NEGATIVE_INFINITY

  const broke = (): void => {
    qmp = null
    if (closed) return
    notBefore = clock.monotonic() + pause
    clock.after(pause + 1, () => {
      if (!qmp && !closed) handlers.changed()
    })
    pause = Math.min(pause * 2, longestPause)
    handlers.changed()
  }
  const dial = async (): Promise<void> => {
    const wait = { timeout: patience, signal: ended.signal }
    const connection = await stream.connect(path, ended.signal)
    let opened = false
    const end = () => {
      if (opened) broke()
    }
    qmp = await openQmp(connection, clock, { event: handlers.event, end }, wait)
    opened = true
    pause = firstPause
    if (!closed) handlers.changed()
  }
  return {
    get qmp() {
      return qmp
    },
    open() {
      if (qmp || dialling || closed || clock.monotonic() < notBefore) return
      dialling = true
      dial()
        .catch(broke)
        .finally(() => {
          dialling = false
        })
    },
    close() {
      closed = true
      ended.abort(new Error('the controller lets go of this VM'))
      qmp?.close()
      qmp = null
    },
  }
}
