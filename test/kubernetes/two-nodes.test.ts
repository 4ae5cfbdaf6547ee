import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { needsStage } from '../host/stage-guest.ts'
import { image, network, networked, secret, vm, withState, yaml } from '../host/stage-manifests.ts'
import { until } from '../host/stage-until.ts'
import { type Cluster, hasCluster, needsCluster, type Shown, tenant } from './cluster.ts'
import { digested } from './images.ts'
import { type Installation, openInstallation } from './installation.ts'

let installation: Installation
let cluster: Cluster
let nodes: Installation['nodes'] = []

beforeEach((context) => {
  needsCluster(context)
  needsStage(context)
})

beforeAll(async () => {
  if (!hasCluster) return
  installation = await openInstallation({ nodes: ['node-a', 'node-b'] })
  cluster = installation.cluster
  nodes = installation.nodes
})

afterAll(() => installation?.close())

const all = () => installation.vms()
const nodeOf = (one: Shown | null) => String(one?.status?.nodeName)
const stageOf = (name: string) => installation.node(name).stage
const wait = (what: string, condition: string, seconds = 90) => installation.wait(what, condition, seconds)
const isAvailable = ({ status }: Shown) =>
  status?.conditions?.find(({ type }) => type === 'Available')?.status === 'True'

test('what is applied is spread over the hosts and gets addresses of its own', async () => {
  const allowed = { networks: [{ name: 'n1' }], images: ['small'], hostIdentifiers: ['TAP'] }
  const labels = { metadata: { labels: { app: 'web' } } }
  const vms = ['w1', 'w2', 'w3', 'w4'].map((name) => {
    const made = networked(name, 'n1', null)
    return { ...made, metadata: { name, ...labels.metadata } }
  })
  // All at once: neither host knows the image yet.
  const small = digested(nodes[0]!.stage, image('small'))
  await cluster.apply(yaml(tenant('default', allowed), network('n1'), small, ...vms))
  await cluster.kubectl('wait', '--for=condition=Ready', 'microvm', '--all', '--timeout=90s')
  const found = await all()
  expect(found.map(nodeOf).sort()).toEqual(['node-a', 'node-a', 'node-b', 'node-b'])
  const addresses = found.flatMap(({ status }) =>
    ((status?.interfaces ?? []) as { addresses: { address: string }[] }[]).map((one) => one.addresses[0]?.address),
  )
  expect(new Set(addresses).size).toBe(4)
  for (const one of found) expect(stageOf(nodeOf(one)).pidOf(one.metadata.name)).toBeGreaterThan(0)
})

test('whoever wrote a field of a VM is named by the part of Moorage that he is', async () => {
  const { metadata } = (await cluster.get<Shown>('microvm', 'w1', '--show-managed-fields'))!
  const { managedFields } = metadata as unknown as { managedFields: readonly { manager: string; operation: string }[] }
  const names = new Set(managedFields.map(({ manager, operation }) => `${manager} ${operation}`))
  expect(names).toEqual(
    new Set([
      'kubectl-client-side-apply Update',
      'moorage-agent Apply',
      'moorage-manager Apply',
      'moorage-manager Update',
    ]),
  )
})

test('a state stays on the host where its volume is', async () => {
  await cluster.apply(yaml(vm('keeper', withState('data'))))
  await wait('microvm/keeper', 'condition=Ready')
  const node = nodeOf(await cluster.get('microvm', 'keeper'))
  const volumes = await until(
    'the volume is told',
    20,
    () => cluster.get<{ items: readonly Shown[] }>('microvmvolumes'),
    (list) => {
      return list?.items.length === 1 && list.items[0]?.status?.nodeName === node
    },
  )
  expect(volumes?.items[0]?.status).toMatchObject({ phase: 'Bound' })
  await cluster.kubectl('delete', 'microvm/keeper', '--timeout=60s')
  await cluster.apply(yaml(vm('keeper', withState('data'))))
  await wait('microvm/keeper', 'condition=Ready')
  expect(nodeOf(await cluster.get('microvm', 'keeper'))).toBe(node)
})

test('a rollout restarts one after the other, whatever host they are on', async () => {
  const spec = { selector: { matchLabels: { app: 'web' } }, maxUnavailable: 1 }
  await cluster.apply(
    yaml({ apiVersion: 'moorage.dev/v1alpha1', kind: 'MicroVMRollout', metadata: { name: 'web' }, spec }),
  )
  await until(
    'they belong to it',
    20,
    all,
    (list) => list.filter(({ status }) => status?.rollout === 'web').length === 4,
  )
  const pids = new Map((await all()).map((one) => [one.metadata.name, stageOf(nodeOf(one)).pidOf(one.metadata.name)]))
  let most = 0
  const away = new Set<string>()
  const stop = installation.history.onVersion(({ metadata: { name }, status }) => {
    if (!name.startsWith('w')) return
    const isThere = status?.conditions?.find(({ type }) => type === 'Available')?.status === 'True'
    if (isThere) away.delete(name)
    else away.add(name)
    most = Math.max(most, away.size)
  })
  await cluster.kubectl(
    'patch',
    'microvm',
    'w1',
    'w2',
    'w3',
    'w4',
    '--type=merge',
    '-p',
    '{"spec":{"restartToken":"2"}}',
  )
  await until(
    'all were restarted',
    120,
    all,
    (list) =>
      list.every(
        ({ metadata: { name }, status }) =>
          !name.startsWith('w') || (status?.restarts as { count?: number })?.count === 1,
      ) && list.every(isAvailable),
  )
  await installation.history.caughtUp()
  stop()
  expect(most).toBe(1)
  for (const one of await all()) {
    const { name } = one.metadata
    if (name.startsWith('w')) expect(stageOf(nodeOf(one)).pidOf(name)).not.toBe(pids.get(name))
  }
})

test('a Secret of a VM is read by its host, and its new value restarts it', async () => {
  const credentials = { items: [{ name: 'KEY', source: { secretKeyRef: { name: 'app', key: 'k' } } }] }
  await cluster.apply(yaml(secret('app', { k: 'first' }), vm('keyed', { credentials })))
  await wait('microvm/keyed', 'condition=CredentialsCurrent')
  const node = nodeOf(await cluster.get('microvm', 'keyed'))
  expect(await cluster.get('role', `moorage-host-${node}`)).toMatchObject({
    rules: [{ resources: ['secrets'], verbs: ['get', 'watch'], resourceNames: ['app'] }],
  })
  await cluster.apply(yaml(secret('app', { k: 'second' })))
  await wait('microvm/keyed', 'jsonpath={.status.restarts.last.reason}=SecretRotated')
})

test('manager and agents killed while things change: every VM once, and nothing is lost', async () => {
  const pids = new Map((await all()).map((one) => [one.metadata.name, stageOf(nodeOf(one)).pidOf(one.metadata.name)]))
  await cluster.apply(yaml(networked('n5', 'n1', null), networked('n6', 'n1', null)))
  await installation.manager.end('SIGKILL')
  await nodes[0]!.stage.end('SIGKILL')
  installation.manager.start()
  await nodes[1]!.stage.end('SIGKILL')
  await nodes[0]!.stage.start()
  await nodes[1]!.stage.start()
  await cluster.kubectl('wait', '--for=condition=Ready', 'microvm', '--all', '--timeout=120s')
  for (const [name, pid] of pids) {
    const one = await cluster.get('microvm', name)
    expect([name, stageOf(nodeOf(one)).pidOf(name)]).toEqual([name, pid])
  }
  const running = nodes.flatMap(({ stage }) => stage.vmms().map(({ name }) => name))
  expect(running.length).toBe(new Set(running).size)
  expect(running.length).toBe((await all()).length)
})

test('a host that is cut off: its VMs are unknown, run on, and nobody binds them anew; what is deleted meanwhile goes', async () => {
  const silent = nodes[1]!
  const lives = () => silent.stage.vmms().map(({ name, pid }) => `${name} ${pid}`)
  const [before, cut] = [lives(), performance.now()]
  await silent.setLink('down')
  await wait(`microvmhost/${silent.name}`, 'condition=Ready=Unknown', 120)
  const unknownAfter = performance.now() - cut
  const theirs = (await all()).filter((one) => nodeOf(one) === silent.name)
  expect(theirs.length).toBeGreaterThan(1)
  for (const { metadata } of theirs) await wait(`microvm/${metadata.name}`, 'condition=Ready=Unknown')
  const gone = theirs.map(({ metadata }) => metadata.name).find((name) => name.startsWith('w'))!
  await cluster.kubectl('delete', `microvm/${gone}`, '--wait=false')
  expect((await cluster.get('microvm', gone))?.metadata.finalizers).toEqual(['moorage.dev/host'])
  expect(lives()).toEqual(before)
  await silent.setLink('up')
  await wait(`microvm/${gone}`, 'delete')
  await wait(`microvmhost/${silent.name}`, 'condition=Ready')
  await cluster.kubectl('wait', '--for=condition=Ready', 'microvm', '--all', '--timeout=90s')
  const seconds = (ms: number) => (ms / 1000).toFixed(1)
  console.log(
    `Unknown ${seconds(unknownAfter)} s after the cut; all as wanted again after ${seconds(performance.now() - cut)} s`,
  )
  expect((await all()).filter((one) => nodeOf(one) === silent.name).length).toBe(theirs.length - 1)
  expect(lives()).toEqual(before.filter((line) => !line.startsWith(`default.${gone} `)))
})

test('what is deleted goes, everywhere; the state stays', async () => {
  await cluster.kubectl('delete', 'microvm', '--all', '--timeout=120s')
  for (const { stage } of nodes) expect(stage.vmms()).toEqual([])
  expect((await cluster.get('microvmstate', 'data'))?.metadata.name).toBe('data')
  await cluster.kubectl('delete', 'microvmnetwork/n1', 'microvmimage/small', '--timeout=60s')
})
