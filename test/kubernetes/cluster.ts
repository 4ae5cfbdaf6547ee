import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'vitest'
import { needsNamespace } from '../host/namespace.ts'
import type { Namespace } from '../host/stage-namespace.ts'
import { ensureKubernetes } from '../setup/kubernetes-tools.mjs'
import { checkout } from '../setup/paths.mjs'
import { type ControlPlane, type Options, startControlPlane } from './control-plane.mjs'

/** A real control plane with the CRDs, and kubectl for who may do everything. */
export interface Cluster extends ControlPlane {
  /** stdout of kubectl; throws with its stderr when it fails. */
  kubectl(...args: readonly string[]): Promise<string>
  /** Applies objects as a user does. */
  apply(text: string): Promise<void>
  /** An object as JSON; null when there is none. */
  get<T = Shown>(...args: readonly string[]): Promise<T | null>
  /** Writes into the status of an object, as somebody who may. */
  patchStatus(what: string, status: unknown, ...args: readonly string[]): Promise<void>
  /** Takes a key out of etcd behind everybody's back, as a backup that is played back does. */
  forget(key: string): Promise<void>
  /** Gives a host's namespace a way to the API server; `number` from 2 is its address. */
  connect(net: Namespace, number: number): Promise<void>
  /** Cuts the way of that host, and mends it. */
  setLink(number: number, state: 'up' | 'down'): Promise<void>
  /** Drops every packet from and to that host, and lets them pass again. */
  setPackets(number: number, fate: 'dropped' | 'passed'): Promise<void>
  /** Has etcd forget all but the newest of everything. */
  compact(): Promise<void>
  close(): Promise<void>
}

/** As much of an object as tests look at. */
export interface Shown {
  readonly metadata: {
    readonly name: string
    readonly uid: string
    readonly generation: number
    readonly resourceVersion: string
    readonly finalizers?: readonly string[]
  }
  readonly status?: {
    readonly phase?: string
    readonly observedGeneration?: number
    readonly conditions?: readonly {
      readonly type: string
      readonly status: string
      readonly reason: string
      readonly message: string
    }[]
    readonly [member: string]: unknown
  }
}

/** Skips where no control plane can be had or made, saying why. */
export function needsCluster(context: TestContext): void {
  const why = process.env.MOORAGE_NO_CONTROL_PLANE
  context.skip(why !== undefined, `needs a control plane: ${why}`)
  needsNamespace(context, 'makes links')
}

/** Whether {@link needsCluster} lets tests through; for what is opened before them. */
export const hasCluster =
  process.env.MOORAGE_TEST_NAMESPACE === '1' && process.env.MOORAGE_NO_CONTROL_PLANE === undefined

/** What a namespace may use. */
export function tenant(name: string, spec: object): Readonly<Record<string, unknown>> {
  return { apiVersion: 'moorage.dev/v1alpha1', kind: 'MicroVMTenant', metadata: { name }, spec }
}

const bridge = 'kube0'

/**
 * Starts one on a bridge of this network namespace, which has to be the test's own. One that runs pods is empty: there
 * manifests/base is to bring everything.
 */
export async function openCluster(options: Omit<Options, 'address'> = {}): Promise<Cluster> {
  const tools = await ensureKubernetes()
  const folder = mkdtempSync(join(tmpdir(), 'moorage-kube-'))
  await said('ip', ['link', 'set', 'dev', 'lo', 'up'])
  await said('ip', ['link', 'add', bridge, 'type', 'bridge']).catch(() => {})
  await said('ip', ['address', 'replace', '10.254.0.1/24', 'dev', bridge])
  await said('ip', ['link', 'set', 'dev', bridge, 'up'])
  const plane = await startControlPlane(tools, folder, { address: '10.254.0.1', ...options })
  const kubectl: Cluster['kubectl'] = (...args) => said(tools.kubectl, ['--kubeconfig', plane.kubeconfig, ...args])
  const apply: Cluster['apply'] = async (text) => {
    await said(tools.kubectl, ['--kubeconfig', plane.kubeconfig, 'apply', '-f', '-'], text)
  }
  if (options.pods === undefined) await prepare(kubectl, apply)
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const ask = async <T>(what: 'deleterange' | 'range' | 'compaction', body: object): Promise<T> => {
    const reply = await fetch(`${plane.etcd}/v3/kv/${what}`, { method: 'POST', body: JSON.stringify(body) })
    if (!reply.ok) throw new Error(`etcd ${what}: ${reply.status} ${await reply.text()}`)
    return (await reply.json()) as T
  }
  return {
    ...plane,
    kubectl,
    apply,
    get: async (...args) => {
      const text = await kubectl('get', ...args, '-o', 'json', '--ignore-not-found')
      return text.trim() === '' ? null : JSON.parse(text)
    },
    async patchStatus(what, status, ...args) {
      await kubectl('patch', what, '--subresource=status', '--type=merge', '-p', JSON.stringify({ status }), ...args)
    },
    async forget(key) {
      const { deleted } = await ask<{ deleted?: string }>('deleterange', { key: base64(key) })
      if (deleted !== '1') throw new Error(`etcd had no ${key}`)
    },
    async compact() {
      const { header } = await ask<{ header: { revision: string } }>('range', { key: base64('/') })
      await ask('compaction', { revision: header.revision, physical: true })
    },
    async setLink(number, state) {
      await said('ip', ['link', 'set', 'dev', `kube-${number}`, state])
    },
    async setPackets(number, fate) {
      const table = `inet cut-${number}`
      const rule = (hook: string, way: string) =>
        `chain ${hook} { type filter hook ${hook} priority 0; ip ${way} 10.254.0.${number} drop; }`
      const cut = `table ${table} { ${rule('input', 'saddr')}; ${rule('output', 'daddr')}; }`
      // To delete what is not there is an error; to add what is there is none.
      await said('nft', ['-f', '-'], fate === 'dropped' ? cut : `table ${table}\ndelete table ${table}\n`)
    },
    async connect(net, number) {
      const [ours, theirs] = [`kube-${number}`, `kube-${number}p`]
      await said('ip', ['link', 'add', ours, 'type', 'veth', 'peer', 'name', theirs])
      await said('ip', ['link', 'set', 'dev', ours, 'master', bridge, 'up'])
      await said('ip', ['link', 'set', 'dev', theirs, 'netns', String(net.pid), 'name', 'uplink'])
      await net.ip(`address add 10.254.0.${number}/24 dev uplink`, 'link set dev uplink up')
    },
    async close() {
      await plane.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function said(program: string, args: readonly string[], stdin = ''): Promise<string> {
  return new Promise((done, fail) => {
    const options = { timeout: 120_000, maxBuffer: 1 << 27 }
    const child = execFile(program, [...args], options, (error, stdout, stderr) => {
      if (error === null) done(stdout)
      else fail(new Error(`${program} ${args.join(' ')}: ${stderr || error.message}`))
    })
    child.stdin?.on('error', () => {}).end(stdin)
  })
}

/** What manifests/base would bring of what hosts need: CRDs and namespaces. */
async function prepare(kubectl: Cluster['kubectl'], apply: Cluster['apply']): Promise<void> {
  const crds = join(checkout, 'crds')
  await apply(
    readdirSync(crds)
      .filter((name) => name.endsWith('.yaml'))
      .map((name) => readFileSync(join(crds, name), 'utf8'))
      .join('---\n'),
  )
  await kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s')
  for (const name of ['moorage-hosts', 'moorage-system']) await kubectl('create', 'namespace', name)
}
