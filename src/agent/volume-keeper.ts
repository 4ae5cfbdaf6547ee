import { kindOf } from '../api/kinds.ts'
import { canonical } from '../digest.ts'
import type { Client } from '../kubernetes/client.ts'
import { pauseAfter } from '../kubernetes/pause.ts'
import type { Reflector } from '../kubernetes/reflector.ts'
import { type ApiObject, isOlder, resourceOf } from '../kubernetes/resource.ts'
import type { Clock, Random } from '../world/clock.ts'
import { agentManager } from './statuses.ts'
import type { VolumeRecord } from './volumes.ts'

export const volumeResource = resourceOf(kindOf('MicroVMVolume')!)

export interface VolumeKeeperOptions {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  /** The records of this host as the server has them. */
  readonly known: Reflector
  readonly onFailure: (name: string, error: Error) => void
}

/**
 * Keeps a MicroVMVolume for each volume of this host. One that is not seen any more stays as it is told, since a folder may
 * be unmounted and its data are not gone for that; one that was deleted here goes.
 */
export interface VolumeKeeper {
  want(records: readonly VolumeRecord[]): void
  /** Its bytes were deleted on this host. */
  deleted(name: string): void
  /** Until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>
}

export function newVolumeKeeper({ client, clock, random, known, onFailure }: VolumeKeeperOptions): VolumeKeeper {
  let wanted: readonly VolumeRecord[] = []
  const gone = new Set<string>()
  /** By name: what was written, and how and in which version the server then showed it. */
  const written = new Map<string, { readonly text: string; readonly shown: string; readonly version: string }>()
  let wake: () => void = () => {}

  async function write({ name, spec, status }: VolumeRecord, signal: AbortSignal): Promise<void> {
    const { apiVersion, kind } = volumeResource
    const head = { apiVersion, kind, metadata: { name } }
    const options = { manager: agentManager, force: true } as const
    await client.apply(volumeResource, { ...head, spec }, options, signal)
    const now = await client.apply(volumeResource, { ...head, status }, { ...options, subresource: 'status' }, signal)
    written.set(name, { text: canonical([spec, status]), shown: shownOf(now), version: now.metadata.resourceVersion })
  }

  function isTold({ name, spec, status }: VolumeRecord): boolean {
    const object = known.objects.get(`MicroVMVolume//${name}`)
    const text = canonical([spec, status])
    const last = written.get(name)
    if (last?.text !== text) return object !== undefined && shownOf(object) === text
    return (
      object === undefined || isOlder(object.metadata.resourceVersion, last.version) || shownOf(object) === last.shown
    )
  }

  async function all(signal: AbortSignal): Promise<void> {
    for (const record of wanted) {
      gone.delete(record.name)
      if (!isTold(record)) await write(record, signal)
    }
    for (const name of gone) {
      await client.remove(volumeResource, { name }, null, signal)
      gone.delete(name)
      written.delete(name)
    }
  }

  return {
    want(records) {
      wanted = records
      wake()
    },
    deleted(name) {
      gone.add(name)
    },
    async run(signal) {
      for (let failures = 0; !signal.aborted; ) {
        const woken = new Promise<void>((resolve) => {
          wake = resolve
        })
        signal.addEventListener('abort', wake, { once: true })
        try {
          if (known.synced) await all(signal)
          failures = 0
          await woken
        } catch (error) {
          if (signal.aborted) return
          failures += 1
          onFailure(wanted[0]?.name ?? '', error as Error)
          await clock.sleep(pauseAfter(failures, error, random), signal).catch(() => {})
        }
        signal.removeEventListener('abort', wake)
      }
    },
  }
}

function shownOf({ spec, status }: ApiObject): string {
  const { phase, nodeName, message } = (status ?? {}) as Partial<VolumeRecord['status']>
  return canonical([spec, { phase, nodeName, message }])
}
