import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Stage } from '../host/stage.ts'
import { needsStage } from '../host/stage-guest.ts'
import { image, network, networked, secret, vm, yaml } from '../host/stage-manifests.ts'
import { until } from '../host/stage-until.ts'
import { type Cluster, hasCluster, needsCluster, type Shown, tenant } from './cluster.ts'
import { type Installation, openInstallation } from './installation.ts'

let installation: Installation
let cluster: Cluster
let stage: Stage

beforeEach((context) => {
  needsCluster(context)
  needsStage(context)
})

beforeAll(async () => {
  if (!hasCluster) return
  installation = await openInstallation({ nodes: ['node-a'], isManaged: false })
  cluster = installation.cluster
  stage = installation.nodes[0]!.stage
  const allowed = { networks: [{ name: 'n1' }], images: ['small'], hostIdentifiers: ['TAP'] }
  await cluster.apply(yaml(tenant('default', allowed)))
})

afterEach(({ task }) => {
  if (task.result?.state === 'fail' && installation) console.warn(`${task.name} failed\n${installation.tail(25)}`)
})

afterAll(() => installation?.close())

const conditionOf = (object: Shown | null, type: string) => object?.status?.conditions?.find((one) => one.type === type)

/** What the manager does: binds, and gives an address. */
async function bind(name: string, status: object = {}, epoch = 1): Promise<void> {
  const given = { nodeName: 'node-a', bindingEpoch: epoch, ...status }
  await cluster.patchStatus(`microvm/${name}`, given)
}

describe('a host of a cluster', () => {
  test('makes its own object and says what it offers', async () => {
    await until('the host is made', 30, () => cluster.get('microvmhost', 'node-a'))
    await cluster.kubectl('wait', '--for=condition=Ready', 'microvmhost/node-a', '--timeout=30s')
    const host = await cluster.get('microvmhost', 'node-a')
    expect(host?.status).toMatchObject({ architecture: 'amd64', hypervisors: [{ name: 'qemu' }], machines: [] })
    expect(await cluster.get('lease', '-n', 'moorage-hosts', 'node-a')).toMatchObject({
      spec: { holderIdentity: 'node-a' },
    })
  })

  test('runs what is bound to it, and nothing else', async () => {
    await cluster.apply(yaml(network('n1'), image('small'), networked('one', 'n1', null), networked('two', 'n1', null)))
    await bind('one', { interfaces: [{ name: 'eth0', addresses: [{ address: '10.1.0.7' }] }] })
    await cluster.kubectl('wait', '--for=condition=Ready', 'microvm/one', '--timeout=60s')
    const one = await cluster.get('microvm', 'one')
    expect(one?.status).toMatchObject({
      phase: 'Running',
      observedGeneration: one?.metadata.generation,
      nodeName: 'node-a',
      interfaces: [{ name: 'eth0', tap: 'vm-one', addresses: [{ address: '10.1.0.7' }] }],
    })
    expect(stage.vmms().map(({ name }) => name)).toEqual(['default.one'])
  })

  test('an edit restarts it, a status that somebody spoilt is put right', async () => {
    const before = stage.pidOf('one')
    await cluster.kubectl('patch', 'microvm/one', '--type=merge', '-p', '{"spec":{"memory":"96Mi"}}')
    await cluster.kubectl(
      'wait',
      '--for=jsonpath={.status.restarts.last.reason}=SpecChanged',
      'microvm/one',
      '--timeout=60s',
    )
    await cluster.kubectl('wait', '--for=condition=Ready', 'microvm/one', '--timeout=60s')
    expect(stage.pidOf('one')).not.toBe(before)
    await cluster.patchStatus('microvm/one', { phase: 'Nonsense' })
    await cluster.kubectl('wait', '--for=jsonpath={.status.phase}=Running', 'microvm/one', '--timeout=10s')
  })

  test('what the tenant does not allow is refused, also of one that runs', async () => {
    const pid = stage.pidOf('one')
    await cluster.kubectl('patch', 'microvmtenant/default', '--type=merge', '-p', '{"spec":{"images":[]}}')
    await cluster.kubectl('wait', '--for=condition=Stalled', 'microvm/one', '--timeout=20s')
    expect(conditionOf(await cluster.get('microvm', 'one'), 'Stalled')?.message).toContain('does not allow image small')
    expect(stage.pidOf('one')).toBe(pid)
    await cluster.kubectl('patch', 'microvmtenant/default', '--type=merge', '-p', '{"spec":{"images":["small"]}}')
    await cluster.kubectl('wait', '--for=condition=Ready', 'microvm/one', '--timeout=20s')
    expect(stage.pidOf('one')).toBe(pid)
  })

  test('what happens to it is told as Events, once', async () => {
    const events = await until(
      'its Events',
      20,
      () => cluster.get<{ items: { reason: string; regarding: { name: string } }[] }>('events.events.k8s.io'),
      (list) => list?.items.some(({ reason, regarding }) => reason === 'Started' && regarding.name === 'one') ?? false,
    )
    const reasons = events?.items.filter(({ regarding }) => regarding.name === 'one').map(({ reason }) => reason) ?? []
    expect(reasons.filter((reason) => reason === 'Stopped')).toHaveLength(1)
  })

  test('a Secret is read by its name alone; a new value restarts', async () => {
    const credentials = { items: [{ name: 'API-KEY', source: { secretKeyRef: { name: 'app', key: 'api' } } }] }
    await cluster.apply(yaml(secret('app', { api: 'one' }), vm('secretive', { credentials })))
    await bind('secretive')
    await cluster.kubectl('wait', '--for=condition=CredentialsCurrent', 'microvm/secretive', '--timeout=60s')
    const before = await cluster.get('microvm', 'secretive')
    await cluster.apply(yaml(secret('app', { api: 'two' })))
    await cluster.kubectl(
      'wait',
      '--for=jsonpath={.status.restarts.last.reason}=SecretRotated',
      'microvm/secretive',
      '--timeout=60s',
    )
    const after = await cluster.get('microvm', 'secretive')
    expect(after?.status?.credentials).not.toEqual(before?.status?.credentials)
    expect(JSON.stringify(after)).not.toMatch(/"(one|two|b25l|dHdv)"/)
  })

  test('killed and started while no API server answers, it keeps what it knew and repairs it', async () => {
    const pids = ['one', 'secretive'].map((name) => stage.pidOf(name))
    await cluster.kill('apiserver')
    await stage.end('SIGKILL')
    await stage.net.run(['ip', 'link', 'del', 'dev', 'vm-one'])
    await stage.start()
    await until(
      'the link is back',
      30,
      async () => (await stage.net.run(['ip', 'link', 'show', 'dev', 'vm-one'])).code === 0,
    )
    expect(['one', 'secretive'].map((name) => stage.pidOf(name))).toEqual(pids)
    await cluster.start('apiserver')
    await cluster.kubectl('patch', 'microvm/one', '--type=merge', '-p', '{"spec":{"runStrategy":"Halted"}}')
    await cluster.kubectl('wait', '--for=condition=Available=False', 'microvm/one', '--timeout=90s')
    await cluster.kubectl('patch', 'microvm/one', '--type=merge', '-p', '{"spec":{"runStrategy":"Always"}}')
    await cluster.kubectl('wait', '--for=condition=Available', 'microvm/one', '--timeout=60s')
    expect(stage.pidOf('secretive')).toBe(pids[1])
  })

  test('a status that was lost takes nothing away; a later binding elsewhere does', async () => {
    const pid = stage.pidOf('secretive')
    await cluster.patchStatus('microvm/secretive', { nodeName: null, bindingEpoch: null })
    await sleep(3000)
    expect(stage.pidOf('secretive')).toBe(pid)
    await bind('secretive')
    await sleep(1000)
    expect(stage.pidOf('secretive')).toBe(pid)
    await cluster.patchStatus('microvm/secretive', { nodeName: 'node-b', bindingEpoch: 2 })
    await until('it is gone here', 60, () => stage.vmms().every(({ name }) => name !== 'default.secretive'))
    const there = await cluster.get('microvm', 'secretive')
    expect(conditionOf(there, 'HostClean')).toBeUndefined()
  })

  test('a deletion waits for the host, which says when it is clean', async () => {
    await cluster.kubectl(
      'patch',
      'microvm/one',
      '--type=merge',
      '-p',
      '{"metadata":{"finalizers":["moorage.dev/host"]}}',
    )
    await cluster.kubectl('delete', 'microvm/one', '--wait=false')
    await cluster.kubectl('wait', '--for=condition=HostClean', 'microvm/one', '--timeout=60s')
    expect(stage.vmms()).toEqual([])
    expect((await stage.net.exec(['ip', '-br', 'link'])).split('\n').filter((line) => line.startsWith('vm-'))).toEqual(
      [],
    )
    await cluster.kubectl(
      'patch',
      'microvm/one',
      '--type=json',
      '-p',
      '[{"op":"remove","path":"/metadata/finalizers"}]',
    )
    await cluster.kubectl('wait', '--for=delete', 'microvm/one', '--timeout=10s')
  })

  test('an object that vanishes without a deletion is left as it is, and told', async () => {
    await cluster.apply(yaml(vm('lost')))
    await bind('lost')
    await cluster.kubectl('wait', '--for=condition=Available', 'microvm/lost', '--timeout=60s')
    const pid = stage.pidOf('lost')
    await cluster.kill('apiserver')
    await cluster.forget('/registry/moorage.dev/microvms/default/lost')
    await cluster.start('apiserver')
    await until('it is told', 60, async () => JSON.stringify(await stage.problems()).includes('vanished'))
    expect(stage.pidOf('lost')).toBe(pid)
  })
})
