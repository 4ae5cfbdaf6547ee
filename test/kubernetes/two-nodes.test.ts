import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openStage, type Stage } from '../host/stage.ts'
import { needsStage } from '../host/stage-guest.ts'
import { type Fields, network, networked, secret, vm, withState, yaml } from '../host/stage-manifests.ts'
import { until } from '../host/stage-until.ts'
import { bundle } from '../setup/paths.mjs'
import { type Cluster, hasCluster, needsCluster, openCluster, type Shown, tenant } from './cluster.ts'

let cluster: Cluster
let nodes: readonly { readonly name: string; readonly stage: Stage }[] = []
let manager: ChildProcess | null = null

beforeEach((context) => {
  needsCluster(context)
  needsStage(context)
})

beforeAll(async () => {
  if (!hasCluster) return
  cluster = await openCluster()
  nodes = await Promise.all(
    ['node-a', 'node-b'].map(async (name, at) => {
      const stage = await openStage({ cluster: { kubeconfig: cluster.kubeconfig, node: name } })
      await cluster.connect(stage.net, 2 + at)
      return { name, stage }
    }),
  )
  startManager()
  await Promise.all(nodes.map(({ stage }) => stage.start()))
  // The machine of the tests may have two processors.
  for (const { name } of nodes) {
    await until(`${name} is made`, 30, () => cluster.get('microvmhost', name))
    await cluster.kubectl(
      'patch',
      `microvmhost/${name}`,
      '--type=merge',
      '-p',
      '{"spec":{"overcommit":{"vcpuPercent":5000}}}',
    )
  }
})

afterAll(async () => {
  await endManager('SIGTERM')
  for (const { stage } of nodes) await stage.close()
  await cluster?.close()
})

function startManager(): void {
  const log = openSync(join(cluster.folder, 'manager.log'), 'a')
  const argv = [bundle, 'manage', '--kubeconfig', cluster.kubeconfig]
  manager = spawn(process.execPath, argv, { stdio: ['ignore', log, log] })
}

async function endManager(signal: NodeJS.Signals): Promise<void> {
  const ending = manager
  manager = null
  if (!ending || ending.exitCode !== null || ending.signalCode !== null) return
  const gone = once(ending, 'exit')
  ending.kill(signal)
  await gone
}

/** The image of these hosts: the same bytes on each. */
function image(): Fields {
  const folder = '/var/lib/moorage/images/small'
  const file = (name: string) => {
    const bytes = readFileSync(join(nodes[0]!.stage.root, folder, name))
    return { path: `${folder}/${name}`, sha256: createHash('sha256').update(bytes).digest('hex') }
  }
  const hostPath = { kernel: file('vmlinuz'), initrd: file('initrd') }
  const spec = { architecture: 'amd64', cmdline: 'console=ttyS0 quiet net.ifnames=0', source: { hostPath } }
  return { apiVersion: 'moorage.dev/v1alpha1', kind: 'MicroVMImage', metadata: { name: 'small' }, spec }
}

const all = async () => (await cluster.get<{ items: readonly Shown[] }>('microvms'))?.items ?? []
const nodeOf = (one: Shown | null) => String(one?.status?.nodeName)
const stageOf = (name: string) => nodes.find((node) => node.name === name)!.stage
const wait = (what: string, condition: string, seconds = 90) =>
  cluster.kubectl('wait', `--for=${condition}`, what, `--timeout=${seconds}s`)
const isAvailable = ({ status }: Shown) =>
  status?.conditions?.find(({ type }) => type === 'Available')?.status === 'True'

test('what is applied is spread over the hosts and gets addresses of its own', async () => {
  const allowed = { networks: [{ name: 'n1' }], images: ['small'], hostIdentifiers: ['TAP'] }
  await cluster.apply(yaml(tenant('default', allowed), network('n1'), image()))
  for (const { name } of nodes) {
    await wait(`microvmhost/${name}`, 'jsonpath={.status.images[?(@.name=="small")].usable}=true')
  }
  const labels = { metadata: { labels: { app: 'web' } } }
  const vms = ['w1', 'w2', 'w3', 'w4'].map((name) => {
    const made = networked(name, 'n1', null)
    return { ...made, metadata: { name, ...labels.metadata } }
  })
  await cluster.apply(yaml(...vms))
  await cluster.kubectl('wait', '--for=condition=Ready', 'microvm', '--all', '--timeout=90s')
  const found = await all()
  expect(found.map(nodeOf).sort()).toEqual(['node-a', 'node-a', 'node-b', 'node-b'])
  const addresses = found.flatMap(({ status }) =>
    ((status?.interfaces ?? []) as { addresses: { address: string }[] }[]).map((one) => one.addresses[0]?.address),
  )
  expect(new Set(addresses).size).toBe(4)
  for (const one of found) expect(stageOf(nodeOf(one)).pidOf(one.metadata.name)).toBeGreaterThan(0)
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
  let watching = true
  const watched = (async () => {
    while (watching) {
      const web = (await all()).filter(({ metadata }) => metadata.name.startsWith('w'))
      most = Math.max(most, web.filter((one) => !isAvailable(one)).length)
    }
  })()
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
  watching = false
  await watched
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
  await endManager('SIGKILL')
  await nodes[0]!.stage.end('SIGKILL')
  startManager()
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

test('a host that fell silent: its VMs are unknown, run on, and nobody binds them anew', async () => {
  const silent = nodes[1]!
  const before = silent.stage.vmms().map(({ name, pid }) => `${name} ${pid}`)
  await silent.stage.end('SIGKILL')
  await wait(`microvmhost/${silent.name}`, 'condition=Ready=Unknown', 120)
  const theirs = (await all()).filter((one) => nodeOf(one) === silent.name)
  expect(theirs.length).toBeGreaterThan(0)
  for (const { metadata } of theirs) await wait(`microvm/${metadata.name}`, 'condition=Ready=Unknown')
  expect(silent.stage.vmms().map(({ name, pid }) => `${name} ${pid}`)).toEqual(before)
  await silent.stage.start()
  await cluster.kubectl('wait', '--for=condition=Ready', 'microvm', '--all', '--timeout=90s')
  expect((await all()).filter((one) => nodeOf(one) === silent.name).length).toBe(theirs.length)
  expect(silent.stage.vmms().map(({ name, pid }) => `${name} ${pid}`)).toEqual(before)
})

test('what is deleted goes, everywhere; the state stays', async () => {
  await cluster.kubectl('delete', 'microvm', '--all', '--timeout=120s')
  for (const { stage } of nodes) expect(stage.vmms()).toEqual([])
  expect((await cluster.get('microvmstate', 'data'))?.metadata.name).toBe('data')
  await cluster.kubectl('delete', 'microvmnetwork/n1', 'microvmimage/small', '--timeout=60s')
})
