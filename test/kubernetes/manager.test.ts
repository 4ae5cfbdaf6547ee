import { type ChildProcess, spawn } from 'node:child_process'
import { afterEach, beforeAll, expect, inject } from 'vitest'
import { kindOf } from '../../src/api/kinds.ts'
import type { Client } from '../../src/kubernetes/client.ts'
import { type ApiObject, type Resource, resourceOf, resources } from '../../src/kubernetes/resource.ts'
import { microTime } from '../../src/kubernetes/time.ts'
import { manage } from '../../src/manager/manager.ts'
import { linuxClock, linuxRandom } from '../../src/world/linux/clock.ts'
import { bundled } from '../cli/moorage.ts'
import { clusterTest, never, newNamespace, openCluster, until } from './plane.ts'

const moorage = bundled()
const kind = (name: string): Resource => resourceOf(kindOf(name)!)
const [machines, states] = [kind('MicroVM'), kind('MicroVMState')]
const sha256 = 'a'.repeat(64)

let client: Client
beforeAll(async () => {
  if (inject('kubeconfig') === null) return
  client = (await openCluster()).client
  for (const name of ['moorage-system', 'moorage-hosts']) await newNamespace(client, name)
  await create('MicroVMNetwork', '', 'net', { subnet: '10.7.0.0/24' })
  const kernel = { path: '/boot/vmlinuz', sha256 }
  await create('MicroVMImage', '', 'debian', { architecture: 'amd64', source: { hostPath: { kernel } } })
})

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

async function create(name: string, namespace: string, object: string, spec: unknown): Promise<ApiObject> {
  const { apiVersion, plural: _plural, ...resource } = kind(name)
  const metadata = { name: object, ...(namespace !== '' && { namespace }) }
  const where = namespace === '' ? {} : { namespace }
  return client.create(kind(name), where, { apiVersion, kind: resource.kind, metadata, spec } as never, never)
}

async function status(resource: Resource, where: { namespace?: string; name: string }, value: object): Promise<void> {
  const object = { apiVersion: resource.apiVersion, kind: resource.kind, metadata: where, status: value }
  await client.apply(resource, object, { manager: 'moorage-agent', force: true, subresource: 'status' }, never)
}

function condition(type: string, is: string) {
  return { type, status: is, reason: 'AsItIs', message: 'as it is', lastTransitionTime: '2026-01-01T00:00:00Z' }
}

/** A host as its agent would have it: its status, and a Lease that it renews until the test ends. */
async function addHost(name: string): Promise<{ silence(): void }> {
  await create('MicroVMHost', '', name, {})
  await status(
    kind('MicroVMHost'),
    { name },
    {
      architecture: 'amd64',
      allocatable: { vcpu: 8, memory: '16Gi', disk: '1Ti' },
      hypervisors: [{ name: 'qemu', accel: ['tcg'] }],
      images: [{ name: 'debian', usable: true }],
      machines: [],
      conditions: [condition('Ready', 'True')],
    },
  )
  const where = { namespace: 'moorage-hosts', name }
  const spec = () => ({ holderIdentity: name, leaseDurationSeconds: 4, renewTime: microTime(Date.now()) })
  const { lease } = resources
  await client.create(
    lease,
    { namespace: where.namespace },
    { apiVersion: lease.apiVersion, kind: lease.kind, metadata: where, spec: spec() },
    never,
  )
  const timer = setInterval(() => void client.merge(lease, where, { spec: spec() }, never).catch(() => {}), 1000)
  ends.push(async () => {
    clearInterval(timer)
    await client.remove(lease, where, null, never)
    await client.remove(kind('MicroVMHost'), { name }, null, never)
  })
  return { silence: () => clearInterval(timer) }
}

function startManager(identity: string): void {
  const stop = new AbortController()
  const running = openCluster().then(({ api }) =>
    manage(
      {
        ...{ api, clock: linuxClock(), random: linuxRandom(), namespace: 'moorage-system', identity },
        log: { info: () => {}, warn: (facts, message) => console.log(identity, message, JSON.stringify(facts)) },
      },
      stop.signal,
    ),
  )
  ends.unshift(async () => {
    stop.abort(new Error('the test ended'))
    await running
  })
}

interface Status {
  readonly nodeName?: string
  readonly bindingEpoch?: number
  readonly interfaces?: readonly { readonly addresses?: readonly { readonly address: string }[] }[]
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string }[]
  readonly used?: { readonly microVMs: number }
}

async function statusOf(resource: Resource, where: { namespace?: string; name: string }): Promise<Status> {
  return ((await client.get(resource, where, never))?.status ?? {}) as Status
}

const isBound = ({ nodeName }: Status) => nodeName !== undefined

function specOf(more: object = {}): object {
  return {
    ...{ vcpu: 1, memory: '1Gi', image: { name: 'debian' } },
    interfaces: [{ name: 'eth0', network: { name: 'net' } }],
    ...more,
  }
}

async function newTeam(): Promise<string> {
  const team = await newNamespace(client)
  await create('MicroVMTenant', '', team, { networks: [{ name: 'net' }], images: ['debian'] })
  return team
}

clusterTest(
  'VMs are bound with addresses, their secrets granted, their states made; deleted ones go with HostClean',
  async () => {
    const team = await newTeam()
    await addHost('one')
    await addHost('two')
    startManager('first')
    const source = { secretKeyRef: { name: 'app', key: 'k' } }
    await create('MicroVM', team, 'a', specOf({ credentials: { items: [{ name: 'c', source }] } }))
    const disks = [{ name: 'd', state: { name: 'data' } }]
    const stateTemplates = [{ disk: 'd', spec: { size: '1Gi' } }]
    await create('MicroVM', team, 'b', specOf({ disks, stateTemplates }))
    const at = (name: string) => ({ namespace: team, name })
    const a = await until('a is bound', () => statusOf(machines, at('a')), isBound)
    const b = await until('b is bound', () => statusOf(machines, at('b')), isBound)
    const addresses = [a, b].map(({ interfaces }) => interfaces?.[0]?.addresses?.[0]?.address)
    expect(addresses.sort()).toEqual(['10.7.0.2', '10.7.0.3'])
    expect([a.nodeName, b.nodeName].sort()).toEqual(['one', 'two'])
    expect(a.bindingEpoch).toBe(1)
    expect(a.conditions).toMatchObject([{ type: 'Ready', status: 'False', reason: 'WaitingForHost' }])
    expect((await client.get(machines, at('a'), never))?.metadata.finalizers).toEqual(['moorage.dev/host'])
    expect((await statusOf(states, at('data'))).nodeName).toBe(b.nodeName)
    const role = await client.get(resources.role, at(`moorage-host-${a.nodeName}`), never)
    expect(role).toMatchObject({ rules: [{ resourceNames: ['app'], verbs: ['get', 'watch'] }] })
    await until(
      'the tenant counts',
      () => statusOf(kind('MicroVMTenant'), { name: team }),
      ({ used }) => used?.microVMs === 2,
    )

    await client.remove(machines, at('a'), null, never)
    await new Promise((resolve) => setTimeout(resolve, 1000))
    expect(await client.get(machines, at('a'), never)).not.toBeNull()
    await status(machines, at('a'), { conditions: [condition('HostClean', 'True')] })
    await until(
      'a is gone',
      () => client.get(machines, at('a'), never),
      (object) => object === null,
    )
    await until(
      'its Role is gone',
      () => client.get(resources.role, at(`moorage-host-${a.nodeName}`), never),
      (object) => object === null,
    )

    const events = await until(
      'events',
      () => eventsOf(team),
      (list) => list.filter(({ reason }) => reason === 'Bound').length === 2,
    )
    expect(events[0]).toMatchObject({
      reportingController: 'moorage.dev/manager',
      regarding: { kind: 'MicroVM', namespace: team },
    })

    // Whatever is left is quiet: a look that finds nothing to do writes nothing.
    const version = async () => (await client.get(machines, at('b'), never))?.metadata.resourceVersion
    const before = await version()
    await new Promise((resolve) => setTimeout(resolve, 2000))
    expect(await version()).toBe(before)
  },
)

async function eventsOf(namespace: string): Promise<readonly Record<string, unknown>[]> {
  const { api } = await openCluster()
  const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`
  const reply = await api.send({ method: 'GET', path }, never)
  return (reply.body as { items: Record<string, unknown>[] }).items
}

clusterTest('a VM of a silent host stays until the host is fenced', async () => {
  const team = await newTeam()
  const one = await addHost('one')
  startManager('first')
  await create('MicroVM', team, 'a', specOf())
  const at = { namespace: team, name: 'a' }
  await until('a is bound', () => statusOf(machines, at), isBound)
  await addHost('two')
  one.silence()
  const ready = ({ conditions }: Status) => conditions?.find(({ type }) => type === 'Ready')?.reason
  const silent = await until(
    'a is unknown',
    () => statusOf(machines, at),
    (seen) => ready(seen) === 'HostSilent',
  )
  expect(silent).toMatchObject({ nodeName: 'one', bindingEpoch: 1 })
  await client.merge(
    kind('MicroVMHost'),
    { name: 'one' },
    { spec: { taints: [{ key: 'dead', effect: 'OutOfService' }] } },
    never,
  )
  const moved = await until(
    'a is bound anew',
    () => statusOf(machines, at),
    ({ nodeName }) => nodeName === 'two',
  )
  expect(moved.bindingEpoch).toBe(2)
  expect(moved.interfaces).toEqual(silent.interfaces)
})

clusterTest('of two managers one leads, and when it is killed the other takes over', async () => {
  const team = await newTeam()
  await addHost('one')
  const leader = async () => {
    const lease = await client.get(resources.lease, { namespace: 'moorage-system', name: 'moorage-manager' }, never)
    return (lease?.spec as { holderIdentity?: string } | undefined)?.holderIdentity ?? ''
  }
  const first = process_()
  const led = await until('one leads', leader, (holder) => holder !== '')
  const second = process_()
  await create('MicroVM', team, 'a', specOf())
  await until('a is bound', () => statusOf(machines, { namespace: team, name: 'a' }), isBound)
  await new Promise((resolve) => setTimeout(resolve, 3000))
  expect(await leader()).toBe(led)
  first.kill('SIGKILL')
  await create('MicroVM', team, 'b', specOf())
  await until('b is bound', () => statusOf(machines, { namespace: team, name: 'b' }), isBound, 60)
  const next = await leader()
  expect(next).not.toBe(led)
  // One that ends by itself gives the Lease up at once.
  const ended = new Promise((resolve) => second.once('exit', resolve))
  second.kill('SIGTERM')
  expect(await ended).toBe(0)
  expect(await leader()).toBe('')
})

/** `moorage manage`, as people run it. */
function process_(): ChildProcess {
  const args = [moorage.bundle, 'manage', '--kubeconfig', inject('kubeconfig')!, '--log-level', 'warn']
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  ends.unshift(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  })
  return child
}
