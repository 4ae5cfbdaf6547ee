import type { Client } from '../kubernetes/client.ts'
import { newClient } from '../kubernetes/client.ts'
import { newRecorder, type Recorder } from '../kubernetes/event.ts'
import { type Leadership, type LeadTimes, lead } from '../kubernetes/lease.ts'
import type { ApiServer } from '../world/api-server.ts'
import type { Clock, Random } from '../world/clock.ts'
import type { Cluster } from './cluster.ts'
import type { Decision, Write } from './decision.ts'
import { newTerm } from './term.ts'
import type { Outcome } from './write.ts'

export interface ManagerOptions {
  readonly api: ApiServer
  readonly clock: Clock
  readonly random: Random
  /** Where its Lease is: `moorage-system`. */
  readonly namespace: string
  /** Of this process and no other. */
  readonly identity: string
  readonly log: Log
  /** For tests. */
  readonly times?: LeadTimes
  readonly onPass?: (pass: Pass) => void
  readonly onLeading?: (leads: boolean) => void
}

/** Where it says what it does; pino's loggers are such. */
export interface Log {
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
}

/** One look at everything, and what came of it. */
export interface Pass {
  /** null: it failed before anything was decided, for what `error` says. */
  readonly cluster: Cluster | null
  readonly decision: Decision | null
  readonly outcomes: readonly { readonly write: Write; readonly outcome: Outcome }[]
  readonly error: Error | null
  /** Milliseconds. */
  readonly took: number
}

/** What one term of a manager works with. */
export interface TermOptions extends ManagerOptions {
  readonly client: Client
  readonly recorder: Recorder
  readonly leadership: Leadership
}

/** The name of the Lease of the managers of a cluster. */
export const leaseName = 'moorage-manager'

/**
 * Manages a cluster whenever no other manager does, until the signal aborts. What fails is tried again for ever. Each term
 * begins with a fresh look at everything: what the manager before it wrote last is in it.
 */
export async function manage(options: ManagerOptions, signal: AbortSignal): Promise<void> {
  const { api, clock, random, namespace, identity, log, times, onLeading } = options
  const client = newClient(api, clock)
  const recorder = newRecorder({ client, clock, random, controller: 'moorage.dev/manager', instance: identity })
  const onLeader = (leader: string | null) => {
    if (leader !== null) log.info({ leader }, leader === identity ? 'this manager leads' : 'another manager leads')
  }
  const recording = recorder.run(signal)
  await lead(
    { client, clock, random, namespace, identity, name: leaseName, onLeader, ...(times && { times }) },
    signal,
    async (leadership) => {
      onLeading?.(true)
      try {
        await newTerm({ ...options, client, recorder, leadership }).run()
      } finally {
        onLeading?.(false)
        log.info({}, 'this manager leads no longer')
      }
    },
  )
  await recording
}
