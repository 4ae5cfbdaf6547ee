import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { needsNamespace } from '../host/namespace.ts'
import { until } from '../host/stage-until.ts'
import { type Cluster, hasCluster, openCluster, type Shown, tenant } from '../kubernetes/cluster.ts'
import { image } from '../setup/kubelet-image.mjs'
import { checkout } from '../setup/paths.mjs'
import { haltingKernel } from './kernel.ts'
import { type Node, type NodeFiles, openNode } from './node.ts'

/** What `npm run kubelet` has made. */
const made = process.env.MOORAGE_NODE
const files: NodeFiles | null = made === undefined ? null : JSON.parse(made)

const folder = mkdtempSync(join(tmpdir(), 'moorage-kubelet-'))
const line = 'this guest runs and halts'
let cluster: Cluster
let node: Node

/** A pass of a slow machine, and what is waited for: seconds. */
const long = 240

beforeAll(async () => {
  if (files === null || !hasCluster) return
  cluster = await openCluster({ pods: { scheduler: files.scheduler, nodes: { 'node-a': 'node-a' } } })
  node = await openNode({ plane: cluster, token: 'node-a', ...files })
  const proxy = ['clusterrolebinding', 'node-proxier', '--clusterrole=system:node-proxier', '--group=system:nodes']
  await cluster.kubectl('create', ...proxy)
  await cluster.kubectl('wait', '--for=create', 'node/node-a', '--timeout=100s')
  await cluster.kubectl('wait', '--for=condition=Ready', 'node/node-a', '--timeout=100s')
})

afterAll(async () => {
  await node?.close()
  await cluster?.close()
  rmSync(folder, { recursive: true, force: true })
})

beforeEach((context) => {
  context.skip(files === null, 'needs a node; npm run kubelet makes one')
  needsNamespace(context, 'makes links')
})

/** Applies a folder of manifests/ with the image of that tag, as manifests/README.md says. */
async function install(what: string, tag: string): Promise<void> {
  const overlay = join(folder, what.replace('/', '-'))
  mkdirSync(overlay, { recursive: true })
  const resources = [relative(overlay, join(checkout, 'manifests', what))]
  const images = [{ name: 'moorage', newName: image, newTag: tag }]
  const kustomization = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', resources, images }
  writeFileSync(join(overlay, 'kustomization.yaml'), JSON.stringify(kustomization))
  await cluster.kubectl('apply', '--server-side', '--force-conflicts', '-k', overlay)
}

const system = (...args: readonly string[]) => cluster.kubectl('-n', 'moorage-system', ...args)

/** Waits until the DaemonSet is what was asked for last, and its pod is ready. */
async function rolledOut(what = 'daemonset/moorage-agent'): Promise<void> {
  await until(`${what} is rolled out`, long, () => system('rollout', 'status', what, '--timeout=60s'))
}

interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string }
  readonly status: {
    readonly containerStatuses?: readonly {
      readonly restartCount: number
      readonly ready: boolean
      readonly image: string
    }[]
  }
}

async function agentPod(): Promise<Pod> {
  const list = await cluster.get<{ items: readonly Pod[] }>(
    ...['pods', '-n', 'moorage-system', '-l', 'app.kubernetes.io/name=moorage-agent'],
  )
  if (list?.items.length !== 1) throw new Error(`${list?.items.length} pods of agents`)
  return list.items[0]!
}

/** The one VMM of the node: its pid and when it started, by which it is told from any other. */
async function vmm(): Promise<{ readonly pid: string; readonly began: string; readonly group: string }> {
  const said = await node.shell(
    'cd /proc; for p in $(pgrep -f "^/usr/bin/qemu-system"); do cut -d" " -f1,22 $p/stat; cat $p/cgroup; done',
  )
  const [found, ...rest] = [...said.matchAll(/^(\d+) (\d+)\n0::(.*)$/gm)]
  if (found === undefined || rest.length > 0) throw new Error(`VMMs: ${said}`)
  return { pid: found[1]!, began: found[2]!, group: found[3]! }
}

function ready(name: string): Promise<Shown | null> {
  const holds = (vm: Shown | null) =>
    vm?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
  return until(`${name} is ready`, long, () => cluster.get('microvm', name), holds)
}

async function apply(...objects: readonly object[]): Promise<void> {
  await cluster.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }))
}

const api = { apiVersion: 'moorage.dev/v1alpha1' }

function vm(name: string): object {
  const spec = { vcpu: 1, memory: '32Mi', image: { name: 'halt' }, terminationGracePeriodSeconds: 1 }
  const interfaces = [{ name: 'eth0', network: { name: 'web' } }]
  // The KVM of an emulated processor works, or is too slow for the trial, as the machine is busy: no two runs would be alike.
  return { ...api, kind: 'MicroVM', metadata: { name }, spec: { ...spec, interfaces, qemu: { accel: 'tcg' } } }
}

test('manifests/base comes up under a kubelet: agent and managers ready, the node a host', async () => {
  await install('base', '0.1.0')
  await rolledOut()
  await rolledOut('deployment/moorage-manager')
  const host = await until(
    'the host is ready',
    long,
    () => cluster.get('microvmhost', 'node-a'),
    (one) => one !== null,
  )
  expect(host?.metadata.name).toBe('node-a')
  expect(await cluster.get('serviceaccount', 'node-a', '-n', 'moorage-hosts')).not.toBeNull()
  const lease = await cluster.get<{ spec: { holderIdentity: string } }>(
    'lease',
    'moorage-manager',
    '-n',
    'moorage-system',
  )
  expect(lease?.spec.holderIdentity).toMatch(/^moorage-manager-/)
  // Nobody was refused anything that it asked for.
  const both = 'app.kubernetes.io/name in (moorage-agent, moorage-manager)'
  const logs = await system('logs', '--prefix', '-l', both, '--tail=-1')
  for (const begins of ['the controller runs', 'the manager runs']) expect(logs).toContain(begins)
  expect(logs).not.toMatch(/"level":"(error|fatal)"|forbidden|denied|a manifest is not as it should be/i)
})

test("a MicroVM starts in the control group that is no pod's, as likely to be ended for its memory as any process", async () => {
  const kernel = haltingKernel(line)
  const path = '/var/lib/moorage/images/halt'
  await node.shell(`mkdir -p -m 755 ${path}\nbase64 -d > ${path}/kernel <<'END'\n${kernel.toString('base64')}\nEND`)
  const sha256 = createHash('sha256').update(kernel).digest('hex')
  await apply(
    tenant('default', { networks: [{ name: 'web' }], images: ['halt'], quota: { microVMs: 4, memory: '1Gi' } }),
    { ...api, kind: 'MicroVMNetwork', metadata: { name: 'web' }, spec: { subnet: '10.30.0.0/24', nat: true } },
    {
      ...{ ...api, kind: 'MicroVMImage', metadata: { name: 'halt' } },
      spec: { architecture: 'amd64', source: { hostPath: { kernel: { path: `${path}/kernel`, sha256 } } } },
    },
    vm('one'),
  )
  await ready('one')
  const { pid, group } = await vmm()
  expect(group).toBe('/moorage')
  expect(await node.shell(`cat /proc/${pid}/oom_score_adj`)).toBe('0\n')
  await until(
    'the guest ran',
    long,
    () => node.shell('cat /run/moorage/by-name/default.one/console.log'),
    (said) => said.includes(line),
  )
})

/** What happens to an agent's pod, and the VM of before runs on. */
const ends: Readonly<Record<string, () => Promise<unknown>>> = {
  'its container is killed': () => node.shell('kill -KILL $(pgrep -f "^node.*moorage run")'),
  'its pod is deleted': async () => system('delete', 'pod', (await agentPod()).metadata.name),
  'its pod is evicted': async () => {
    const { name } = (await agentPod()).metadata
    const path = join(folder, 'eviction.json')
    const metadata = { name, namespace: 'moorage-system' }
    writeFileSync(path, JSON.stringify({ apiVersion: 'policy/v1', kind: 'Eviction', metadata }))
    await cluster.kubectl('create', '--raw', `/api/v1/namespaces/moorage-system/pods/${name}/eviction`, '-f', path)
  },
  'containerd and kubelet are restarted, and the DaemonSet': async () => {
    await node.shell('systemctl restart containerd kubelet')
    await system('rollout', 'restart', 'daemonset/moorage-agent')
  },
  'another image is rolled out': () => install('base', '0.1.1'),
}

test.each(Object.keys(ends))('a VM runs on and is found again when %s', async (how) => {
  const before = await vmm()
  const then = await agentPod()
  await ends[how]!()
  const another = (now: Pod) =>
    now.metadata.uid !== then.metadata.uid ||
    (now.status.containerStatuses?.[0]?.restartCount ?? 0) > (then.status.containerStatuses?.[0]?.restartCount ?? 0)
  await until('there is another container', long, agentPod, another)
  await until('it is ready', long, agentPod, (now) => another(now) && now.status.containerStatuses?.[0]?.ready === true)
  expect(await vmm()).toEqual(before)
  const now = await ready('one')
  expect(now?.status).toMatchObject({ phase: 'Running', hypervisor: { pid: Number(before.pid) } })
})

test('agents of overlays/capabilities find the VM, end it and start another', async () => {
  await node.shell('systemd-run --unit devices devices kvm=/dev/kvm tun=/dev/net/tun')
  const before = await vmm()
  await install('overlays/capabilities', '0.1.1')
  await rolledOut()
  const bounds = await node.shell('cat /proc/$(pgrep -f "^node.*moorage run")/status')
  expect(bounds).toMatch(/^CapBnd:\t0000000000[0-9a-f]{6}$/m)
  expect(await vmm()).toEqual(before)
  await cluster.kubectl('delete', 'microvm', 'one', '--timeout=100s')
  await until(
    'its VMM is gone',
    long,
    () => node.shell('pgrep -f "^/usr/bin/qemu-system"'),
    (said) => said === '',
  )
  await apply(vm('two'))
  await ready('two')
  expect((await vmm()).group).toBe('/moorage')
})
