import type { Clock, Random } from '../world/clock.ts'
import { withDeadline } from '../world/deadline.ts'
import type { Client } from './client.ts'
import { pauseAfter } from './pause.ts'
import { resources } from './resource.ts'
import { microTime } from './time.ts'

/** Something that happened to an object, for people (`kubectl describe`, `kubectl events`). */
export interface EventNews {
  readonly regarding: {
    readonly apiVersion: string
    readonly kind: string
    /** Empty for cluster-scoped kinds. */
    readonly namespace: string
    readonly name: string
    readonly uid: string
  }
  readonly type: 'Normal' | 'Warning'
  /** A word in CamelCase; at most 128 characters. */
  readonly reason: string
  /** What was being done, a word in CamelCase. */
  readonly action: string
  /** One sentence; cut at 1024 characters, as the API bounds it. */
  readonly note: string
}

export interface Recorder {
  /** Never waits and never throws: what a server does not take soon is dropped. */
  record(news: EventNews): void
  /** How many were dropped. */
  readonly dropped: number
  /** Sends what is recorded until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>
}

/** Events that wait, at most. */
const longestQueue = 256

/** Milliseconds that one may take. */
const patience = 5_000

/** Records events.k8s.io/v1 Events. `controller`: `moorage.dev/manager`; `instance`: which one of several. */
export function newRecorder(options: {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly controller: string
  readonly instance: string
}): Recorder {
  const { client, clock, random, controller, instance } = options
  const queue: { readonly news: EventNews; readonly at: number }[] = []
  let dropped = 0
  let wake: (() => void) | null = null

  async function send({ news, at }: (typeof queue)[number], signal: AbortSignal): Promise<void> {
    const { namespace, name } = news.regarding
    const suffix = Buffer.from(random.bytes(8)).toString('hex')
    // Events of what has no namespace are kept in this one, as everybody's are.
    const where = namespace === '' ? 'default' : namespace
    const { event } = resources
    const object = {
      ...{ apiVersion: event.apiVersion, kind: event.kind },
      metadata: { name: `${name.slice(0, 200)}.${suffix}`, namespace: where },
      eventTime: microTime(at),
      ...{ reportingController: controller, reportingInstance: instance.slice(0, 128) },
      ...{ regarding: news.regarding, type: news.type, reason: news.reason, action: news.action },
      note: news.note.slice(0, 1024),
    }
    await withDeadline(clock, patience, signal, (within) => client.create(event, { namespace: where }, object, within))
  }

  return {
    get dropped() {
      return dropped
    },
    record(news) {
      if (queue.length >= longestQueue) {
        dropped += 1
        return
      }
      queue.push({ news, at: clock.now() })
      wake?.()
    },
    async run(signal) {
      signal.addEventListener('abort', () => wake?.(), { once: true })
      for (let failures = 0; !signal.aborted; ) {
        const next = queue.shift()
        if (next === undefined) {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
          continue
        }
        try {
          await send(next, signal)
          failures = 0
        } catch (error) {
          dropped += 1
          failures += 1
          await clock.sleep(pauseAfter(failures, error, random), signal).catch(() => {})
        }
      }
    },
  }
}
