import type { Clock, Random } from '../world/clock.ts'
import { withDeadline } from '../world/deadline.ts'
import type { Client } from './client.ts'
import { pauseAfter } from './pause.ts'
import { resources } from './resource.ts'

export interface HeartbeatOptions {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly namespace: string
  readonly name: string
  readonly onFailure: (error: Error) => void
}

/** Seconds between two renewals, and after which silence counts. */
export const heartbeat = { every: 10, lasts: 40 } as const

/** Milliseconds that one renewal may take: over a connection that is dead without a word, the next one has to come in time. */
const patience = 10_000

/**
 * Says in a Lease that somebody is alive, until the signal aborts; never rejects. One request each time, which makes the
 * lease when it is not there.
 */
export async function runHeartbeat(options: HeartbeatOptions, signal: AbortSignal): Promise<void> {
  const { clock, random, onFailure } = options
  for (let failures = 0; !signal.aborted; ) {
    let pause: number = heartbeat.every * 1000
    try {
      await withDeadline(clock, patience, signal, (within) => beat(options, within))
      failures = 0
    } catch (error) {
      if (signal.aborted) return
      failures += 1
      onFailure(error as Error)
      pause = Math.min(pauseAfter(failures, error, random), pause)
    }
    await clock.sleep(pause, signal).catch(() => {})
  }
}

async function beat({ client, clock, namespace, name }: HeartbeatOptions, signal: AbortSignal): Promise<void> {
  // metav1.MicroTime has six digits.
  const renewTime = new Date(clock.now()).toISOString().replace('Z', '000Z')
  const spec = { holderIdentity: name, leaseDurationSeconds: heartbeat.lasts, renewTime }
  const { apiVersion, kind } = resources.lease
  const object = { apiVersion, kind, metadata: { name, namespace }, spec }
  await client.apply(resources.lease, object, { manager: 'moorage-agent', force: true }, signal)
}
