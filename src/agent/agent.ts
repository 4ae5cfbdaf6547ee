import { setMaxListeners } from 'node:events'
import type { Logger } from 'pino'
import { kindOf } from '../api/kinds.ts'
import type { Controller } from '../controller/controller.ts'
import { type Client, newClient } from '../kubernetes/client.ts'
import { ApiError } from '../kubernetes/error.ts'
import { newRecorder } from '../kubernetes/event.ts'
import { runHeartbeat } from '../kubernetes/heartbeat.ts'
import { pauseAfter } from '../kubernetes/pause.ts'
import { newReflector, type Reflector } from '../kubernetes/reflector.ts'
import { resourceOf } from '../kubernetes/resource.ts'
import { newStatusWriter, type OwnParts, type StatusWriter } from '../kubernetes/status-writer.ts'
import { KubernetesSource } from '../source/kubernetes.ts'
import type { ApiServer } from '../world/api-server.ts'
import type { Clock, Random } from '../world/clock.ts'
import type { Files } from '../world/files.ts'
import { type HostParts, hostParts, hostStatusOf } from './host-status.ts'
import { agentManager, agentParts, statusesFor } from './statuses.ts'
import { newVolumeKeeper, volumeResource } from './volume-keeper.ts'
import { volumeRecords } from './volumes.ts'

/** Namespace of the identities and leases of hosts. */
export const hostNamespace = 'moorage-hosts'

export interface AgentOptions {
  readonly api: ApiServer
  readonly clock: Clock
  readonly random: Random
  readonly files: Files
  /** `/var/lib/moorage` */
  readonly state: string
  /** Name of the MicroVMHost that this host is. */
  readonly nodeName: string
  readonly log: Logger
}

/** A host's part in a cluster: it takes what is bound to it, says what came of it, and that it is alive. */
export interface Agent {
  /** For {@link ControllerOptions.from}. */
  readonly cluster: (wake: () => void, bootId: string) => KubernetesSource
  /** Follows the cluster and reports after each pass of the controller, until the signal aborts. */
  run(controller: Controller, host: HostParts, signal: AbortSignal): Promise<void>
}

const hosts = resourceOf(kindOf('MicroVMHost')!)

export function newAgent(options: AgentOptions): Agent {
  const { api, clock, random, nodeName, log } = options
  const client = newClient(api, clock)
  let source: KubernetesSource | null = null

  const writer = (own: OwnParts, known: Parameters<typeof newStatusWriter>[0]['known']): StatusWriter =>
    newStatusWriter({
      ...{ client, clock, random, manager: agentManager, own, known },
      onFailure: (key, error) =>
        log.warn({ object: key, error: error.message }, 'a status was not written; it is tried again'),
    })

  return {
    cluster(wake, bootId) {
      source = new KubernetesSource({ ...options, client, bootId, wake })
      return source
    },
    async run(controller, host, signal) {
      const from = source
      if (from === null) throw new Error('the controller was opened without this cluster')
      // Each reflector and each request listens to it; that many are no leak.
      setMaxListeners(0, signal)
      const self = newReflector({ api, clock, random, resource: hosts, name: nodeName, onChange: () => report() })
      const statuses = writer(agentParts, (key) => from.objects.get(key))
      const own = writer(hostParts, (key) => self.objects.get(key))

      const selected = { fieldSelector: `status.nodeName=${nodeName}` }
      const kept = newReflector({ api, clock, random, resource: volumeResource, ...selected, onChange: () => report() })
      const volumes = newVolumeKeeper({
        ...{ client, clock, random, known: kept },
        onFailure: (volume, error) =>
          log.warn({ volume, error: error.message }, 'a MicroVMVolume was not written; it is tried again'),
      })

      function report(): void {
        const { last } = controller
        if (last === null || !from!.synced) return
        const { objects, finished } = from!
        const { current } = controller.statuses
        statuses.want(statusesFor({ objects, finished, statuses: current, source: last.source, now: clock.now() }))
        const states = last.source.objects
          .filter(({ ref }) => ref.kind === 'MicroVMState')
          .map(({ uid: state }) => state)
        volumes.want(volumeRecords(last.view.observed, new Set(states), nodeName))
        const key = `MicroVMHost//${nodeName}`
        const object = self.objects.get(key)
        if (object === undefined) return
        const { uid } = object.metadata
        const status = hostStatusOf(host, last, objects, object)
        own.want(new Map([[key, { resource: hosts, name: nodeName, namespace: '', uid, status }]]))
      }

      const stop = controller.onPass(({ error }) => {
        if (error === null) report()
      })
      const stopOutcomes = controller.onOutcome(({ action, error }) => {
        if (action.kind === 'deleteVolume' && error === null) volumes.deleted(action.name)
      })
      const recorder = newRecorder({ client, clock, random, controller: 'moorage.dev/agent', instance: nodeName })
      const stopEvents = controller.events.onNew((ref, { type, reason, message }) => {
        const uid = from.objects.get(`${ref.kind}/${ref.namespace}/${ref.name}`)?.metadata.uid
        if (uid === undefined) return
        const regarding = { apiVersion: hosts.apiVersion, ...ref, uid }
        recorder.record({ regarding, type, reason, action: reason, note: message })
      })
      const lease = { client, clock, random, namespace: hostNamespace, name: nodeName }
      const late = (error: Error) => log.warn({ error: error.message }, 'the lease was not renewed; it is tried again')
      try {
        await Promise.all([
          from.run(signal),
          self.run(signal),
          keepHost(client, self, options, signal),
          runHeartbeat({ ...lease, onFailure: late }, signal),
          statuses.run(signal),
          own.run(signal),
          kept.run(signal),
          volumes.run(signal),
          recorder.run(signal),
        ])
      } finally {
        stop()
        stopOutcomes()
        stopEvents()
      }
    },
  }
}

/** Makes the host's own object when the cluster has none; people add labels and taints to it. */
async function keepHost(
  client: Client,
  self: Reflector,
  { clock, random, nodeName, log }: AgentOptions,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; !signal.aborted; ) {
    let pause = 1000
    if (self.synced && self.objects.size === 0) {
      try {
        // No label is longer.
        const labels = nodeName.length <= 63 ? { 'kubernetes.io/hostname': nodeName } : {}
        const metadata = { name: nodeName, labels }
        await client.create(hosts, {}, { apiVersion: hosts.apiVersion, kind: hosts.kind, metadata, spec: {} }, signal)
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof ApiError && error.status === 409)) {
          failures += 1
          log.warn({ error: (error as Error).message }, `MicroVMHost ${nodeName} was not made; it is tried again`)
        }
        pause = pauseAfter(Math.max(failures, 1), error, random)
      }
    }
    await clock.sleep(pause, signal).catch(() => {})
  }
}
