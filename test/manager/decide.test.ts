import { describe, expect, test } from 'vitest'
import {
  addHost,
  addMachine,
  addTeam,
  condition,
  hostStatus,
  live,
  type Members,
  newScene,
  placeOf,
  readyOf,
  type Scene,
  start,
} from './scene.ts'

async function stage(tenant: Members = {}, ...hosts: string[]): Promise<Scene> {
  const scene = newScene()
  await addTeam(scene, tenant)
  for (const name of hosts) await addHost(scene, name)
  return scene
}

describe('binding', () => {
  test('a VM is bound with an address, after its finalizer, and spread', async () => {
    const scene = await stage({}, 'a', 'b')
    for (const name of ['one', 'two', 'three']) await addMachine(scene, name)
    const decisions = await scene.settle()
    expect(decisions[0]!.writes.filter((write) => write.do === 'finalizers')).toHaveLength(5)
    expect(decisions[0]!.writes.some(({ id }) => id.startsWith('status MicroVM/'))).toBe(false)
    expect(await placeOf(scene, 'one')).toBe('a 1 10.1.0.2')
    expect(await placeOf(scene, 'two')).toBe('b 1 10.1.0.3')
    expect(await placeOf(scene, 'three')).toBe('a 1 10.1.0.4')
    expect(await readyOf(scene, 'one')).toContain('False WaitingForHost: it is bound to a')
    expect((await scene.get('MicroVMTenant', 'team'))?.status).toMatchObject({
      used: { microVMs: 3, vcpu: 3, memory: '3Gi', disk: '0' },
    })
  })

  test.each<[string, Members, Members, string]>([
    ['no host has that label', { placement: { nodeSelector: { disk: 'ssd' } } }, {}, 'a: it has no label disk=ssd'],
    ['another pin', { placement: { nodeName: 'z' } }, {}, 'there is no MicroVMHost z, where it has to be'],
    ['no such hypervisor', { hypervisor: 'firecracker' }, {}, 'a: it has no firecracker'],
    ['too much memory', { memory: '17Gi' }, {}, 'a: it needs 17Gi of memory, and 16Gi of memory is free'],
    ['too many processors', { vcpu: 9 }, {}, 'a: it needs 9 vcpu, and 8 vcpu is free'],
    ['no such network', { interfaces: [{ name: 'eth0', network: { name: 'x' } }] }, {}, 'does not allow network x'],
    ['not its image', { image: { name: 'other' } }, {}, 'MicroVMTenant team does not allow image other'],
    ['a chosen TAP', { interfaces: [{ name: 'eth0', network: { name: 'net' }, tap: 'tap0' }] }, {}, 'a chosen TAP'],
    ['a chosen CID', { vsock: { cid: 7 } }, {}, 'does not allow a chosen CID: add it to spec.hostIdentifiers'],
    [
      'a file of the host',
      { credentials: { items: [{ name: 'key', source: { file: { path: '/etc/shadow' } } }] } },
      {},
      'credential key is a file of the host',
    ],
    ['a share', { shares: [{ name: 's', share: { name: 'store' } }] }, {}, 'does not allow share store'],
    ['quota of VMs', {}, { quota: { microVMs: 0 } }, 'the quota of MicroVMTenant team is 0 VMs, and 0 are bound'],
    [
      'quota of memory',
      {},
      { quota: { memory: '512Mi' } },
      'it needs 1Gi of memory, and the quota of MicroVMTenant team',
    ],
    [
      'quota of disk',
      { disks: [{ name: 'd', ephemeral: { size: '2Gi' } }] },
      { quota: { disk: '1Gi' } },
      '1Gi of disk left',
    ],
    [
      'an address that is not its own',
      { interfaces: [{ name: 'eth0', network: { name: 'net' }, address: '10.1.0.9' }] },
      { networks: [{ name: 'net', ranges: [{ first: '10.1.0.20', last: '10.1.0.30' }] }] },
      'MicroVMTenant team has no right to address 10.1.0.9 of network net',
    ],
    [
      'the gateway',
      { interfaces: [{ name: 'eth0', network: { name: 'net' }, address: '10.1.0.1' }] },
      {},
      'address 10.1.0.1 is not one that a VM can have in network net',
    ],
    ['a state that is not there', { disks: [{ name: 'd', state: { name: 's' } }] }, {}, 'there is no MicroVMState s'],
  ])('unschedulable: %s', async (_name, spec, tenant, says) => {
    const scene = await stage(tenant, 'a')
    await addMachine(scene, 'one', spec)
    const decisions = await scene.settle()
    expect(await placeOf(scene, 'one')).toBe('nowhere 0 no address')
    expect(await readyOf(scene, 'one')).toContain('False Unschedulable: ')
    expect(await readyOf(scene, 'one')).toContain(says)
    expect(decisions.flatMap(({ writes }) => writes.map(({ event }) => event?.reason))).toContain('Unschedulable')
  })

  test.each<[string, Members, Members, string]>([
    ['a taint', {}, { taints: [{ key: 'repair', effect: 'NoSchedule' }] }, 'a: it has the taint repair'],
    ['not ready', { conditions: [condition('Ready', 'False', 'NoKVM')] }, {}, 'a: it is not Ready'],
    ['another architecture', { architecture: 'arm64' }, {}, 'a: its architecture is arm64, and that of image debian'],
    ['no image', { images: [] }, {}, 'a: it does not say whether it has image debian'],
    [
      'a damaged image',
      { images: [{ name: 'debian', usable: false, message: 'sha256 differs' }] },
      {},
      'a: image debian is not usable there: sha256 differs',
    ],
    ['unknown size', { allocatable: {} }, {}, 'a: it does not say how much vcpu it has'],
    ['silence', {}, {}, 'a: it is silent'],
  ])('a host does not fit: %s', async (name, status, spec, says) => {
    const scene = await stage({})
    await addHost(scene, 'a', { status, spec })
    if (name === 'silence') scene.pulses.set('a', { is: 'silent' })
    await addMachine(scene, 'one')
    await scene.settle()
    expect(await readyOf(scene, 'one')).toContain(says)
  })

  test('of a new image, a host that fits is told of before VMs are spread, or was given ten seconds', async () => {
    const scene = await stage({ images: ['debian', 'new'] }, 'a', 'b')
    const kernel = { path: '/boot/vmlinuz', sha256: 'a'.repeat(64) }
    await scene.add('MicroVMImage', 'new', { spec: { architecture: 'amd64', source: { hostPath: { kernel } } } })
    scene.now = scene.clock.now()
    for (const name of ['one', 'two']) await addMachine(scene, name, { image: { name: 'new' } })
    const says = (host: string) =>
      scene.agent(
        'MicroVMHost',
        host,
        hostStatus({ images: ['debian', 'new'].map((name) => ({ name, usable: true })) }),
      )
    await says('a')
    await scene.settle()
    expect(await placeOf(scene, 'one')).toBe('nowhere 0 no address')
    expect((await scene.decide()).recheckAt).toBeLessThanOrEqual(scene.now + 10_000)
    await says('b')
    await scene.settle()
    expect([await placeOf(scene, 'one'), await placeOf(scene, 'two')].map((place) => place[0])).toEqual(['a', 'b'])
    await scene.agent('MicroVMHost', 'b', hostStatus({ images: [] }))
    await addMachine(scene, 'three', { image: { name: 'new' } })
    await scene.settle()
    expect(await placeOf(scene, 'three')).toBe('nowhere 0 no address')
    scene.now += 10_000
    await scene.settle()
    expect(await placeOf(scene, 'three')).toContain('a 1 ')
  })

  test('an image without sha256 boots nowhere in a cluster', async () => {
    const scene = await stage({ images: ['debian', 'loose'] }, 'a')
    const kernel = { path: '/boot/vmlinuz' }
    await scene.add('MicroVMImage', 'loose', { spec: { architecture: 'amd64', source: { hostPath: { kernel } } } })
    await addMachine(scene, 'one', { image: { name: 'loose' } })
    await scene.settle()
    expect(await readyOf(scene, 'one')).toContain('MicroVMImage loose names no sha256 of its kernel')
  })

  test('more is bound than there is only where that is asked for', async () => {
    const scene = await stage({}, 'a')
    for (const name of ['one', 'two', 'three']) await addMachine(scene, name, { memory: '8Gi' })
    await scene.settle()
    expect(await placeOf(scene, 'three')).toBe('nowhere 0 no address')
    await scene.edit('MicroVMHost', 'a', { spec: { overcommit: { memoryPercent: 150 } } })
    await scene.settle()
    expect(await placeOf(scene, 'three')).toBe('a 1 10.1.0.4')
  })

  test('without a tenant nothing is bound', async () => {
    const scene = newScene()
    await addHost(scene, 'a')
    await addMachine(scene, 'one')
    await scene.settle()
    expect(await readyOf(scene, 'one')).toContain('namespace team may use nothing: there is no MicroVMTenant team')
  })
})

describe('addresses', () => {
  const at = (address: string) => ({ interfaces: [{ name: 'eth0', network: { name: 'net' }, address }] })

  test('what a spec asks for is kept free for it, and two that ask are told', async () => {
    const scene = await stage({}, 'a')
    await addMachine(scene, 'auto')
    await addMachine(scene, 'fixed', at('10.1.0.2'))
    await addMachine(scene, 'late', at('10.1.0.2'))
    await scene.settle()
    expect(await placeOf(scene, 'auto')).toBe('a 1 10.1.0.3')
    expect(await placeOf(scene, 'fixed')).toBe('a 1 10.1.0.2')
    expect(await readyOf(scene, 'late')).toContain('address 10.1.0.2 of network net is of MicroVM team/fixed')
  })

  test('an address once given stays, also when one that is lower gets free', async () => {
    const scene = await stage({}, 'a')
    for (const name of ['one', 'two']) await addMachine(scene, name)
    await scene.settle()
    await scene.agent('MicroVM', 'one', { conditions: [condition('HostClean', 'True', 'Clean')] })
    await scene.remove('MicroVM', 'one')
    await scene.settle()
    expect(await scene.get('MicroVM', 'one')).toBeNull()
    expect(await placeOf(scene, 'two')).toBe('a 1 10.1.0.3')
    await addMachine(scene, 'three')
    await scene.settle()
    expect(await placeOf(scene, 'three')).toBe('a 1 10.1.0.2')
  })

  test("an address that a guest still uses on another network than its spec says now is nobody else's", async () => {
    const scene = await stage({ networks: [{ name: 'net' }, { name: 'other' }] }, 'a', 'b')
    await scene.add('MicroVMNetwork', 'other', { spec: { subnet: '10.2.0.0/24' } })
    const { metadata } = await addMachine(scene, 'one')
    await scene.settle()
    expect(await placeOf(scene, 'one')).toBe('a 1 10.1.0.2')
    const interfaces = [{ name: 'eth0', network: { name: 'other' } }]
    await scene.edit('MicroVM', 'one', { spec: { interfaces } })
    await addMachine(scene, 'two')
    await scene.settle()
    // Nobody knows yet what its host started it with.
    expect(await placeOf(scene, 'one')).toBe('a 1 10.1.0.2')
    expect(await placeOf(scene, 'two')).toBe('b 1 10.1.0.3')
    const machines = (address: string) => [
      { uid: metadata.uid, bindingEpoch: 1, addresses: [{ name: 'eth0', address }] },
    ]
    await scene.agent('MicroVMHost', 'a', hostStatus({ machines: machines('10.1.0.2') }))
    await addMachine(scene, 'three')
    await scene.settle()
    expect(await placeOf(scene, 'one')).toBe('a 1 10.2.0.2')
    expect(await placeOf(scene, 'three')).toBe('a 1 10.1.0.4')
    await scene.agent('MicroVMHost', 'a', hostStatus({ machines: machines('10.2.0.2') }))
    await addMachine(scene, 'four')
    await scene.settle()
    expect(await placeOf(scene, 'four')).toBe('b 1 10.1.0.2')
  })

  test('a tenant gets addresses of its ranges only', async () => {
    const ranges = [{ first: '10.1.0.20', last: '10.1.0.20' }]
    const scene = await stage({ networks: [{ name: 'net', ranges }] }, 'a')
    await addMachine(scene, 'one')
    await addMachine(scene, 'two')
    await scene.settle()
    expect(await placeOf(scene, 'one')).toBe('a 1 10.1.0.20')
    expect(await readyOf(scene, 'two')).toContain('no address of network net is free')
  })
})

describe('states', () => {
  const disk = { disks: [{ name: 'data', state: { name: 's' } }] }
  const template = { ...disk, stateTemplates: [{ disk: 'data', spec: { size: '1Gi' } }] }

  test('a template makes a state, which is bound with its VM, and a later VM follows it', async () => {
    const scene = await stage({}, 'a', 'b')
    await addMachine(scene, 'one', template)
    await scene.settle()
    const state = await scene.get('MicroVMState', 's')
    expect(state?.status).toMatchObject({ nodeName: 'a', bindingEpoch: 1 })
    expect(state?.metadata.finalizers).toEqual(['moorage.dev/host'])
    expect(await placeOf(scene, 'one')).toBe('a 1 10.1.0.2')
    await addMachine(scene, 'two', disk)
    await scene.settle()
    expect(await readyOf(scene, 'two')).toContain('MicroVM team/one holds MicroVMState s')
    await scene.agent('MicroVM', 'one', { conditions: [condition('HostClean', 'True', 'Clean')] })
    await scene.remove('MicroVM', 'one')
    await scene.settle()
    expect(await placeOf(scene, 'two')).toBe('a 1 10.1.0.2')
  })

  test('no blank disk is made beside the bytes of an earlier state', async () => {
    const scene = await stage({}, 'a', 'b')
    const stateRef = { namespace: 'team', name: 's', uid: 'earlier' }
    await scene.add('MicroVMVolume', 'v', {
      spec: { stateRef, capacity: '1Gi', fsType: 'ext4' },
      status: { nodeName: 'b' },
    })
    await scene.add('MicroVMState', 's', { namespace: 'team', spec: { size: '1Gi' } })
    await addMachine(scene, 'one', disk)
    await scene.settle()
    expect(await readyOf(scene, 'one')).toContain('MicroVMVolume v on b has data of an earlier MicroVMState s')
    await scene.edit('MicroVMState', 's', { spec: { source: { volume: 'v' } } })
    await scene.settle()
    expect(await placeOf(scene, 'one')).toBe('b 1 10.1.0.2')
  })

  test('a state and its VM stay on a fenced host', async () => {
    const scene = await stage({}, 'a', 'b')
    await addMachine(scene, 'one', template)
    await scene.settle()
    scene.pulses.set('a', { is: 'silent' })
    await scene.edit('MicroVMHost', 'a', { spec: { taints: [{ key: 'dead', effect: 'OutOfService' }] } })
    await scene.settle()
    expect(await placeOf(scene, 'one')).toBe('a 1 10.1.0.2')
    expect(await readyOf(scene, 'one')).toContain('a is fenced, and its state s is there')
  })
})

describe('silence and fences', () => {
  test('a silent host keeps its VMs, and nobody knows whether they run', async () => {
    const scene = await stage({}, 'a', 'b')
    await addMachine(scene, 'one')
    await scene.settle()
    await scene.agent('MicroVM', 'one', { conditions: [condition('Ready', 'True', 'Running')] })
    await scene.settle()
    expect(await readyOf(scene, 'one')).toBe('True Running: as it is')
    scene.pulses.set('a', { is: 'silent' })
    await scene.settle()
    expect(await placeOf(scene, 'one')).toBe('a 1 10.1.0.2')
    expect(await readyOf(scene, 'one')).toContain('Unknown HostSilent: a is silent')
    expect(await readyOf(scene, 'a', 'MicroVMHost')).toContain('Unknown HostSilent: its agent does not renew Lease')
    scene.pulses.set('a', live)
    await scene.agent('MicroVM', 'one', { conditions: [condition('Ready', 'True', 'Running')] })
    await scene.agent('MicroVMHost', 'a', hostStatus())
    await scene.settle()
    expect(await readyOf(scene, 'one')).toBe('True Running: as it is')
  })

  test.each(['taint', 'deletion'])(
    'a VM is bound anew, with its address, once its host is fenced by %s',
    async (way) => {
      const scene = await stage({}, 'a', 'b')
      await addMachine(scene, 'one')
      await scene.settle()
      if (way === 'taint')
        await scene.edit('MicroVMHost', 'a', { spec: { taints: [{ key: 'dead', effect: 'OutOfService' }] } })
      else await scene.remove('MicroVMHost', 'a')
      await scene.settle()
      // Its agent still renews: it would know better.
      expect(await placeOf(scene, 'one')).toBe('a 1 10.1.0.2')
      scene.pulses.set('a', { is: 'silent' })
      await scene.settle()
      expect(await placeOf(scene, 'one')).toBe('b 2 10.1.0.2')
    },
  )

  test('a VM that is deleted goes when its host says so, or is fenced', async () => {
    const scene = await stage({}, 'a')
    await addMachine(scene, 'one')
    await addMachine(scene, 'two', { vcpu: 100 })
    await scene.settle()
    for (const name of ['one', 'two']) await scene.remove('MicroVM', name)
    await scene.settle()
    expect(await scene.get('MicroVM', 'two')).toBeNull()
    expect(await scene.get('MicroVM', 'one')).not.toBeNull()
    scene.pulses.set('a', { is: 'silent' })
    await scene.remove('MicroVMHost', 'a')
    await scene.settle()
    expect(await scene.get('MicroVM', 'one')).toBeNull()
  })

  test('networks and images stay while a VM refers to them', async () => {
    const scene = await stage({}, 'a')
    await addMachine(scene, 'one')
    await scene.settle()
    await scene.remove('MicroVMNetwork', 'net')
    await scene.remove('MicroVMImage', 'debian')
    await scene.settle()
    expect(await scene.get('MicroVMNetwork', 'net')).not.toBeNull()
    await scene.agent('MicroVM', 'one', { conditions: [condition('HostClean', 'True', 'Clean')] })
    await scene.remove('MicroVM', 'one')
    await scene.settle()
    expect(await scene.get('MicroVMNetwork', 'net')).toBeNull()
    expect(await scene.get('MicroVMImage', 'debian')).toBeNull()
  })
})

describe('lost status', () => {
  test('is restored from what hosts report, and nothing is bound while one has not reported', async () => {
    const scene = await stage({}, 'a')
    await scene.add('MicroVMHost', 'b', { spec: {}, status: { architecture: 'amd64' } })
    scene.pulses.set('b', live)
    const lost = await addMachine(scene, 'lost')
    await addMachine(scene, 'fresh')
    await scene.settle()
    expect(await readyOf(scene, 'fresh')).toContain(
      'nothing is bound until every host is known: b has not reported yet',
    )
    const machines = [{ uid: lost.metadata.uid, bindingEpoch: 7, addresses: [{ name: 'eth0', address: '10.1.0.2' }] }]
    await scene.agent('MicroVMHost', 'b', hostStatus({ machines }))
    await scene.settle()
    expect(await placeOf(scene, 'lost')).toBe('b 7 10.1.0.2')
    expect(await placeOf(scene, 'fresh')).toBe('a 1 10.1.0.3')
  })

  test('a host that nobody heard yet holds bindings up, unless it was known to be silent', async () => {
    const scene = await stage({}, 'a', 'b')
    scene.pulses.set('b', { is: 'unheard', left: 10_000 })
    await addMachine(scene, 'one')
    const decisions = await scene.settle()
    expect(await readyOf(scene, 'one')).toContain('b was not heard yet')
    expect(decisions.at(-1)?.recheckAt).toBe(start + 10_000)
    await scene.agent('MicroVMHost', 'b', hostStatus({ conditions: [condition('Ready', 'Unknown', 'HostSilent')] }))
    await scene.settle()
    expect(await placeOf(scene, 'one')).toBe('a 1 10.1.0.2')
  })
})

describe('secrets', () => {
  const credentials = (name: string) => ({
    credentials: { items: [{ name: 'key', source: { secretKeyRef: { name, key: 'k' } } }] },
  })

  test('each host may read exactly what VMs of it name, before they are bound', async () => {
    const scene = await stage({}, 'a')
    await addMachine(scene, 'one', credentials('app'))
    await addMachine(scene, 'two', credentials('db'))
    const decisions = await scene.settle()
    const ids = decisions.flatMap(({ writes }) => writes.map(({ id }) => id))
    expect(ids.indexOf('apply Role/team/moorage-host-a')).toBeLessThan(ids.indexOf('status MicroVM/team/one'))
    expect((await scene.get('Role', 'moorage-host-a'))?.rules).toEqual([
      { apiGroups: [''], resources: ['secrets'], resourceNames: ['app', 'db'], verbs: ['get', 'watch'] },
    ])
    expect((await scene.get('RoleBinding', 'moorage-host-a'))?.subjects).toEqual([
      { kind: 'ServiceAccount', name: 'a', namespace: 'moorage-hosts' },
    ])
    await scene.agent('MicroVM', 'one', { conditions: [condition('HostClean', 'True', 'Clean')] })
    await scene.remove('MicroVM', 'one')
    await scene.settle()
    expect((await scene.get('Role', 'moorage-host-a'))?.rules).toMatchObject([{ resourceNames: ['db'] }])
    await scene.agent('MicroVM', 'two', { conditions: [condition('HostClean', 'True', 'Clean')] })
    await scene.remove('MicroVM', 'two')
    await scene.settle()
    expect(await scene.get('Role', 'moorage-host-a')).toBeNull()
    expect(await scene.get('RoleBinding', 'moorage-host-a')).toBeNull()
  })

  test('a VM whose Role cannot be written is not bound, and the others are', async () => {
    const scene = await stage({}, 'a')
    await addMachine(scene, 'one', credentials('app'))
    await addMachine(scene, 'two')
    for (let round = 0; round < 4; round++) await scene.step(({ ref }) => ref.kind === 'Role')
    expect(await placeOf(scene, 'one')).toBe('nowhere 0 no address')
    expect(await placeOf(scene, 'two')).toBe('a 1 10.1.0.3')
    await scene.settle()
    expect(await placeOf(scene, 'one')).toBe('a 1 10.1.0.2')
  })
})

describe('rollouts', () => {
  const available = [condition('Ready', 'True', 'Running'), condition('Available', 'True', 'Running')]
  const away = [condition('Ready', 'False', 'Restarting'), condition('Available', 'False', 'Restarting')]
  const grantOf = async (scene: Scene, name: string) =>
    ((await scene.get('MicroVM', name))?.status as { restart?: { granted?: string } } | undefined)?.restart?.granted

  test('one restarts after the other, and one that was let go is away until it is back', async () => {
    const scene = await stage({}, 'a')
    const names = ['one', 'two', 'three']
    await scene.add('MicroVMRollout', 'all', { spec: { selector: { matchLabels: { app: 'x' } } } })
    for (const name of names) await addMachine(scene, name, {}, { labels: { app: 'x' } })
    await scene.settle()
    for (const name of names) await scene.agent('MicroVM', name, { conditions: available, restart: { wanted: 'd1' } })
    await scene.settle()
    expect(await Promise.all(names.map((name) => grantOf(scene, name)))).toEqual(['d1', undefined, undefined])
    expect((await scene.get('MicroVMRollout', 'all'))?.status).toMatchObject({
      selected: 3,
      unavailable: 1,
      waiting: 2,
    })
    await scene.agent('MicroVM', 'one', { conditions: away })
    await scene.settle()
    expect(await grantOf(scene, 'two')).toBeUndefined()
    await scene.agent('MicroVM', 'one', { conditions: available })
    await scene.settle()
    expect(await Promise.all(names.map((name) => grantOf(scene, name)))).toEqual([undefined, 'd1', undefined])
  })

  test('one that is away for another reason holds the others, and may itself restart', async () => {
    const scene = await stage({}, 'a')
    await scene.add('MicroVMRollout', 'all', { spec: { selector: { matchLabels: { app: 'x' } } } })
    for (const name of ['one', 'two']) await addMachine(scene, name, {}, { labels: { app: 'x' } })
    await scene.settle()
    await scene.agent('MicroVM', 'one', { conditions: available, restart: { wanted: 'd1' } })
    await scene.agent('MicroVM', 'two', { conditions: away })
    await scene.settle()
    expect(await grantOf(scene, 'one')).toBeUndefined()
    await scene.agent('MicroVM', 'two', { conditions: away, restart: { wanted: 'd1' } })
    await scene.settle()
    expect(await grantOf(scene, 'two')).toBe('d1')
    expect(await grantOf(scene, 'one')).toBeUndefined()
  })
})

describe('chores', () => {
  test('an operation is for the host of its VM, and lapses', async () => {
    const scene = await stage({}, 'a')
    await addMachine(scene, 'one')
    const spec = { type: 'Restart', microVM: { name: 'one' }, ttlSeconds: 60 }
    await scene.add('MicroVMOperation', 'op', { namespace: 'team', spec })
    await scene.add('MicroVMOperation', 'other', { namespace: 'team', spec: { ...spec, uid: 'another' } })
    await scene.settle()
    expect((await scene.get('MicroVMOperation', 'op'))?.status).toMatchObject({ nodeName: 'a' })
    expect((await scene.get('MicroVMOperation', 'other'))?.status).not.toHaveProperty('nodeName')
    scene.now = start + 3_600_000
    await scene.settle()
    expect(await scene.objects('MicroVMOperation')).toEqual([])
  })
})
