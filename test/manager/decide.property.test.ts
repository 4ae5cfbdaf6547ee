import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pathOf } from '../../src/kubernetes/resource.ts'
import type { Write } from '../../src/manager/decision.ts'
import { resourceFor } from '../../src/manager/resources.ts'
import {
  addHost,
  addMachine,
  addTeam,
  condition,
  hostStatus,
  live,
  type Members,
  newScene,
  type Scene,
} from './scene.ts'

/** What happens to a cluster, one after the other. `at` picks whom, among those there are. */
const event = fc.record({
  what: fc.constantFrom(
    ...(['step', 'step', 'report', 'report', 'add', 'add', 'remove', 'clean', 'silence', 'return'] as const),
    ...(['taint', 'untaint', 'removeHost', 'lose', 'run', 'want'] as const),
  ),
  at: fc.nat(20),
  /** Which writes of a step fail: a bit for each. */
  fails: fc.oneof(fc.constant(0), fc.nat(0xffff)),
  memory: fc.constantFrom('1Gi', '3Gi', '5Gi'),
  disks: fc.constantFrom('none', 'ephemeral', 'state', 'template'),
  address: fc.constantFrom(undefined, undefined, '10.1.0.2', '10.1.0.5'),
  secret: fc.boolean(),
})

type Event = typeof event extends fc.Arbitrary<infer T> ? T : never

const signal = new AbortController().signal

interface Seen {
  readonly uid: string
  readonly name: string
  readonly node: string | undefined
  readonly epoch: number
  readonly address: string | undefined
  readonly finalizers: readonly string[]
  readonly memory: number
  readonly secret: boolean
  /** It has a disk of 1Gi that is gone with it; states have as much. */
  readonly ephemeral: boolean
}

async function machines(scene: Scene): Promise<readonly Seen[]> {
  return (await scene.objects('MicroVM')).map(({ metadata, spec, status }) => {
    const { memory, credentials, disks = [] } = spec as { memory: string; credentials?: unknown; disks?: Members[] }
    const ephemeral = disks.some((disk) => disk.ephemeral !== undefined)
    const {
      nodeName,
      bindingEpoch = 0,
      interfaces = [],
    } = (status ?? {}) as {
      nodeName?: string
      bindingEpoch?: number
      interfaces?: { addresses?: { address: string }[] }[]
    }
    return {
      ...{ uid: metadata.uid, name: metadata.name, node: nodeName, epoch: bindingEpoch },
      ...{ address: interfaces[0]?.addresses?.[0]?.address, finalizers: metadata.finalizers ?? [] },
      ...{ memory: Number.parseInt(memory, 10), secret: credentials !== undefined, ephemeral },
    }
  })
}

/** One run: what hosts truly run, and the laws after each step. */
class Run {
  readonly scene = newScene()
  /** By uid: what a host has, which it says whenever it reports. */
  readonly running = new Map<string, { node: string; epoch: number; address: string | undefined }>()
  #count = 0

  async begin(): Promise<void> {
    await addTeam(this.scene, { quota: { microVMs: 5, memory: '14Gi', disk: '5Gi' } })
    await addHost(this.scene, 'a', { status: { allocatable: { vcpu: 8, memory: '6Gi', disk: '3Gi' } } })
    await addHost(this.scene, 'b', { status: { allocatable: { vcpu: 3, memory: '8Gi', disk: '2Gi' } } })
    await addHost(this.scene, 'c', { status: { allocatable: { vcpu: 2, memory: '64Gi', disk: '0' } } })
  }

  async play({ what, at, fails, ...shape }: Event): Promise<void> {
    const all = await machines(this.scene)
    const machine = all.length > 0 ? all[at % all.length] : undefined
    const hosts = (await this.scene.objects('MicroVMHost')).map(({ metadata }) => metadata.name)
    const host = hosts[at % Math.max(hosts.length, 1)]
    switch (what) {
      case 'step':
        return this.step((write) => ((fails >> (write.id.length % 16)) & 1) === 1)
      case 'add':
        return this.add(shape)
      case 'remove':
        return machine && this.scene.remove('MicroVM', machine.name)
      case 'report':
        return this.report()
      case 'clean':
        return machine && this.clean(machine)
      case 'run':
        return machine && this.agent(machine, { conditions: [...ready, condition('Available', 'True', 'Running')] })
      case 'want':
        return machine && this.agent(machine, { conditions: ready, restart: { wanted: `d${at}` } })
      case 'lose':
        return machine && this.lose(machine)
      default:
        if (host !== undefined) await this.onHost(what, host)
    }
  }

  async onHost(what: string, host: string): Promise<void> {
    const { scene } = this
    if (what === 'silence') scene.pulses.set(host, { is: 'silent' })
    if (what === 'return' && !this.#fenced.has(host)) scene.pulses.set(host, live)
    // By mistake also of a host that lives: then nothing may move yet.
    if (what === 'taint') await scene.edit('MicroVMHost', host, { spec: { taints } })
    if (what === 'removeHost') await scene.remove('MicroVMHost', host)
    if (what === 'untaint') await scene.edit('MicroVMHost', host, { spec: { taints: null } })
    await this.fence()
  }

  #fenced = new Set<string>()

  /** Who fences a host that is silent made sure that nothing runs there. */
  async fence(): Promise<void> {
    const hosts = new Map((await this.scene.objects('MicroVMHost')).map(({ metadata, spec }) => [metadata.name, spec]))
    const isOut = (name: string) => !hosts.has(name) || (hosts.get(name) as Members).taints !== undefined
    const silent = [...this.scene.pulses].filter(([, { is }]) => is === 'silent').map(([name]) => name)
    this.#fenced = new Set(silent.filter(isOut))
    for (const [uid, { node }] of this.running) if (this.#fenced.has(node)) this.running.delete(uid)
  }

  async add({ memory, disks, address, secret }: Omit<Event, 'what' | 'at' | 'fails'>): Promise<void> {
    this.#count += 1
    const name = `vm${this.#count}`
    const source = { secretKeyRef: { name: `s${this.#count % 2}`, key: 'k' } }
    const disk =
      disks === 'ephemeral' ? { name: 'd', ephemeral: { size: '1Gi' } } : { name: 'd', state: { name: 'shared' } }
    await addMachine(this.scene, name, {
      memory,
      interfaces: [{ name: 'eth0', network: { name: 'net' }, ...(address && { address }) }],
      ...(disks !== 'none' && { disks: [disk] }),
      ...(disks === 'template' && { stateTemplates: [{ disk: 'd', spec: { size: '1Gi' } }] }),
      ...(secret && { credentials: { items: [{ name: 'c', source }] } }),
    })
  }

  /** Agents that live take what is bound to them, and say so. */
  async report(): Promise<void> {
    const all = await machines(this.scene)
    for (const { metadata, status } of await this.scene.objects('MicroVMHost')) {
      const { name } = metadata
      if (this.scene.pulses.get(name)?.is !== 'live') continue
      for (const { uid, node, epoch, address } of all)
        if (node === name) this.running.set(uid, { node, epoch, address })
      const here = [...this.running].filter(([, { node }]) => node === name)
      const said = here.map(([uid, { epoch, address }]) => ({
        ...{ uid, bindingEpoch: epoch },
        ...(address !== undefined && { addresses: [{ name: 'eth0', address }] }),
      }))
      const { allocatable } = status as Members
      await this.scene.agent('MicroVMHost', name, hostStatus({ allocatable, machines: said }))
    }
  }

  async clean(machine: Seen): Promise<void> {
    const object = await this.scene.get('MicroVM', machine.name)
    if (object?.metadata.deletionTimestamp === undefined) return
    this.running.delete(machine.uid)
    await this.agent(machine, { conditions: [condition('HostClean', 'True', 'Clean')] })
    await this.report()
  }

  async agent({ name, node }: Seen, status: Members): Promise<void> {
    if (node !== undefined && this.scene.pulses.get(node)?.is === 'live')
      await this.scene.agent('MicroVM', name, status)
  }

  /** What a host runs may lose its status: the host still says what it runs. */
  async lose(machine: Seen): Promise<void> {
    await this.report()
    const there = this.running.get(machine.uid)
    const hosts = await this.scene.objects('MicroVMHost')
    const says = hosts.find(({ metadata }) => metadata.name === there?.node)
    if (there === undefined || says === undefined || this.scene.pulses.get(there.node)?.is !== 'live') return
    const resource = resourceFor('MicroVM')
    const where = { namespace: 'team', name: machine.name }
    const body = { ...(await this.scene.get('MicroVM', machine.name)), status: {} }
    await this.scene.api.send(
      { method: 'PUT', path: pathOf(resource, { ...where, subresource: 'status' }), body },
      signal,
    )
  }

  async step(fails: (write: Write) => boolean): Promise<void> {
    const before = new Map((await machines(this.scene)).map((each) => [each.uid, each]))
    const decision = await this.scene.step(fails)
    const targets = decision.writes.map(({ ref }) => JSON.stringify(ref))
    expect(new Set(targets).size).toBe(targets.length)
    await this.check(before)
  }

  async check(before: ReadonlyMap<string, Seen>): Promise<void> {
    const all = await machines(this.scene)
    const addresses = all.flatMap(({ address }) => (address === undefined ? [] : [address]))
    expect(new Set(addresses).size, 'an address is given once').toBe(addresses.length)
    const bound = all.filter(({ node }) => node !== undefined)
    expect(bound.length, 'quota of VMs').toBeLessThanOrEqual(5)
    expect(sum(bound), 'quota of memory').toBeLessThanOrEqual(14)
    for (const [node, limit] of [
      ['a', 6],
      ['b', 8],
      ['c', 64],
    ] as const) {
      expect(sum(bound.filter((each) => each.node === node)), `memory of ${node}`).toBeLessThanOrEqual(limit)
    }
    for (const machine of bound) {
      expect(machine.finalizers, 'a finalizer before a binding').toContain('moorage.dev/host')
      this.moved(machine, before.get(machine.uid))
      if (machine.secret && before.get(machine.uid)?.node !== machine.node) await this.mayRead(machine)
    }
    const claimed = await this.scene.objects('MicroVMState')
    const stateNodes = claimed.map(({ status }) => (status as Members).nodeName).filter((node) => node !== undefined)
    const disks = [...bound.filter(({ ephemeral }) => ephemeral).map(({ node }) => node), ...stateNodes]
    expect(disks.length, 'quota of disk').toBeLessThanOrEqual(5)
    for (const [node, limit] of [
      ['a', 3],
      ['b', 2],
      ['c', 0],
    ] as const) {
      expect(disks.filter((each) => each === node).length, `disk of ${node}`).toBeLessThanOrEqual(limit)
    }
    for (const { status, metadata } of claimed) {
      if ((status as Members).nodeName !== undefined) expect(metadata.finalizers).toContain('moorage.dev/host')
    }
  }

  moved(machine: Seen, before: Seen | undefined): void {
    const there = this.running.get(machine.uid)
    if (there !== undefined) {
      expect(machine.node, 'what runs stays').toBe(there.node)
      expect(machine.epoch, 'a binding is never older than what its host knows').toBeGreaterThanOrEqual(there.epoch)
    }
    if (before?.node === undefined || before.node === machine.node) return
    expect(this.#fenced.has(before.node), 'only what was on a fenced host moves').toBe(true)
    expect(machine.epoch).toBeGreaterThan(before.epoch)
  }

  async mayRead({ node }: Seen): Promise<void> {
    expect(await this.scene.get('Role', `moorage-host-${node}`), 'a Role before a binding').not.toBeNull()
    expect(await this.scene.get('RoleBinding', `moorage-host-${node}`)).not.toBeNull()
  }
}

const ready = [condition('Ready', 'True', 'Running')]
const taints = [{ key: 'dead', effect: 'OutOfService' }]

function sum(list: readonly Seen[]): number {
  return list.reduce((total, { memory }) => total + memory, 0)
}

test('whatever happens and fails: the laws hold, and it comes to rest', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 5, maxLength: 40, size: 'max' }), async (events) => {
      const run = new Run()
      await run.begin()
      for (const each of events) await run.play(each)
      // Once nothing fails any more, a few decisions are enough, and then there is none.
      for (let round = 0; round < 12; round++) {
        await run.step(() => false)
        if ((await run.scene.decide()).writes.length === 0) return
      }
      const { writes } = await run.scene.decide()
      throw new Error(`no rest: ${writes.map(({ id, because }) => `${id} (${because})`).join('; ')}`)
    }),
    { numRuns: Number(process.env.RUNS ?? 60) },
  )
}, 600_000)
