import { newClient } from '../../src/kubernetes/client.ts'
import type { ApiObject } from '../../src/kubernetes/resource.ts'
import { pathOf } from '../../src/kubernetes/resource.ts'
import type { Cluster, Pulse } from '../../src/manager/cluster.ts'
import { decide } from '../../src/manager/decide.ts'
import type { Decision, Write } from '../../src/manager/decision.ts'
import { type ClusterObjects, readCluster } from '../../src/manager/read.ts'
import { followed, resourceFor } from '../../src/manager/resources.ts'
import { carryOut, type Outcome, send } from '../../src/manager/write.ts'
import { type MemoryApi, memoryApi } from '../kubernetes/memory-api.ts'
import { Dice } from '../sim/random.ts'
import { type ManualClock, manualClock } from '../world/manual-clock.ts'

/** Milliseconds since the epoch at which every scene begins. */
export const start = Date.parse('2026-01-01T00:00:00Z')

export type Members = Record<string, unknown>

/** A cluster in memory, with the decisions of a manager and the writes that follow. */
export interface Scene {
  readonly api: MemoryApi
  readonly clock: ManualClock
  readonly pulses: Map<string, Pulse>
  now: number
  /** Creates an object, and writes its status as its agent would. */
  add(
    kind: string,
    name: string,
    members: { namespace?: string; spec?: unknown; status?: unknown; metadata?: Members },
  ): Promise<ApiObject>
  get(kind: string, name: string, namespace?: string): Promise<ApiObject | null>
  /** Merges into an object, or into its status. */
  edit(kind: string, name: string, patch: Members, namespace?: string): Promise<void>
  /** Applies a status as an agent does. */
  agent(kind: string, name: string, status: Members, namespace?: string): Promise<void>
  remove(kind: string, name: string, namespace?: string): Promise<void>
  objects(kind: string): Promise<readonly ApiObject[]>
  /** The cluster as a manager reads it. */
  look(): Promise<Cluster>
  decide(): Promise<Decision>
  /** Decides and writes until nothing is left; every write that was done, by decision. `fails` breaks some. */
  settle(fails?: (write: Write) => boolean): Promise<readonly Decision[]>
  /** Decides and writes once. */
  step(fails?: (write: Write) => boolean): Promise<Decision>
}

const signal = new AbortController().signal

export function newScene(): Scene {
  const clock = manualClock(start)
  const api = memoryApi(clock, new Dice(1))
  const client = newClient(api, clock)
  const where = (kind: string, name: string, namespace: string | undefined) => ({
    name,
    ...(resourceFor(kind).namespaced && { namespace: namespace ?? 'team' }),
  })
  const head = (kind: string) => ({ apiVersion: resourceFor(kind).apiVersion, kind })
  const status = async (kind: string, name: string, value: Members, namespace?: string, manager = 'moorage-agent') => {
    const object = { ...head(kind), metadata: where(kind, name, namespace), status: value }
    await client.apply(resourceFor(kind), object, { manager, force: true, subresource: 'status' }, signal)
  }
  const scene: Scene = {
    api,
    clock,
    pulses: new Map(),
    now: start,
    async add(kind, name, { namespace, spec, status: said, metadata }) {
      const { name: _name, ...collection } = where(kind, name, namespace)
      const object = { ...head(kind), metadata: { ...metadata, ...where(kind, name, namespace) }, spec }
      const made = await client.create(resourceFor(kind), collection, object, signal)
      if (said !== undefined) await status(kind, name, said as Members, namespace)
      // One after the other, so that age is an order.
      await clock.advance(1000)
      return made
    },
    get: (kind, name, namespace) => client.get(resourceFor(kind), where(kind, name, namespace), signal),
    async edit(kind, name, patch, namespace) {
      await client.merge(resourceFor(kind), where(kind, name, namespace), patch, signal)
    },
    agent: (kind, name, value, namespace) => status(kind, name, value, namespace),
    async remove(kind, name, namespace) {
      await client.remove(resourceFor(kind), where(kind, name, namespace), null, signal)
    },
    async objects(kind) {
      const reply = await api.send({ method: 'GET', path: pathOf(resourceFor(kind)) }, signal)
      return (reply.body as { items: ApiObject[] }).items
    },
    async look() {
      const kinds = Object.keys(followed)
      const lists = await Promise.all(kinds.map(async (kind) => [kind, await scene.objects(kind)] as const))
      return readCluster(Object.fromEntries(lists) as unknown as ClusterObjects, scene.pulses)
    },
    decide: async () => decide(await scene.look(), scene.now),
    async step(fails = () => false) {
      const decision = await scene.decide()
      const failed: Outcome = { is: 'failed', error: new Error('broken on purpose') }
      const outcomes = await carryOut(decision.writes, async (write) =>
        fails(write) ? failed : send(client, write, signal),
      )
      for (const write of decision.writes) {
        const outcome = outcomes.get(write.id)
        const odd = outcome?.is === 'stale' || outcome?.is === 'unknown' || (outcome?.is === 'failed' && !fails(write))
        if (odd)
          throw new Error(`${write.id}: ${JSON.stringify(outcome)} ${String((outcome as { error?: Error }).error)}`)
      }
      return decision
    },
    async settle(fails = () => false) {
      const decisions: Decision[] = []
      for (let round = 0; round < 12; round++) {
        const decision = await scene.step(fails)
        if (decision.writes.length === 0) return decisions
        decisions.push(decision)
        fails = () => false
      }
      const last = decisions.at(-1)
      throw new Error(`no end in sight: ${last?.writes.map(({ id, because }) => `${id} (${because})`).join('; ')}`)
    },
  }
  return scene
}

export const live: Pulse = { is: 'live', left: 30_000 }

/** A host that takes every VM of these tests. */
export async function addHost(
  scene: Scene,
  name: string,
  { status = {}, spec = {}, labels = {} }: { status?: Members; spec?: Members; labels?: Record<string, string> } = {},
): Promise<void> {
  await scene.add('MicroVMHost', name, { spec, metadata: { labels }, status: hostStatus(status) })
  scene.pulses.set(name, live)
}

export function hostStatus(more: Members = {}): Members {
  return {
    architecture: 'amd64',
    allocatable: { vcpu: 8, memory: '16Gi', disk: '1Ti' },
    hypervisors: [{ name: 'qemu', accel: ['kvm', 'tcg'] }],
    images: [{ name: 'debian', usable: true }],
    machines: [],
    conditions: [condition('Ready', 'True', 'Ready')],
    ...more,
  }
}

export function condition(type: string, status: string, reason: string, message = 'as it is'): Members {
  return { type, status, reason, message, lastTransitionTime: '2026-01-01T00:00:00Z' }
}

const sha256 = 'a'.repeat(64)

/** A tenant `team` that may use network `net` and image `debian`. */
export async function addTeam(scene: Scene, spec: Members = {}): Promise<void> {
  await scene.add('MicroVMNetwork', 'net', { spec: { subnet: '10.1.0.0/24' } })
  await scene.add('MicroVMImage', 'debian', {
    spec: { architecture: 'amd64', source: { hostPath: { kernel: { path: '/boot/vmlinuz', sha256 } } } },
  })
  await scene.add('MicroVMTenant', 'team', { spec: { networks: [{ name: 'net' }], images: ['debian'], ...spec } })
}

export function machineSpec(more: Members = {}): Members {
  return {
    vcpu: 1,
    memory: '1Gi',
    image: { name: 'debian' },
    interfaces: [{ name: 'eth0', network: { name: 'net' } }],
    ...more,
  }
}

export async function addMachine(
  scene: Scene,
  name: string,
  more: Members = {},
  metadata: Members = {},
): Promise<ApiObject> {
  return scene.add('MicroVM', name, { spec: machineSpec(more), metadata })
}

/** Where a VM is, by which binding, with which address of its first interface. */
export async function placeOf(scene: Scene, name: string): Promise<string> {
  const status = ((await scene.get('MicroVM', name))?.status ?? {}) as Members
  const [first] = (status.interfaces ?? []) as { addresses?: { address: string }[] }[]
  return [status.nodeName ?? 'nowhere', status.bindingEpoch ?? 0, first?.addresses?.[0]?.address ?? 'no address'].join(
    ' ',
  )
}

/** `status reason: message` of Ready. */
export async function readyOf(scene: Scene, name: string, kind = 'MicroVM'): Promise<string> {
  const status = (await scene.get(kind, name))?.status as { conditions?: Members[] } | undefined
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  return ready === undefined ? 'nothing' : `${ready.status} ${ready.reason}: ${ready.message}`
}
