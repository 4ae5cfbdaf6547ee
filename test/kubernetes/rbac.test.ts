import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { kindNamed } from '../../src/api/kinds.ts'
import { resourceOf, resources } from '../../src/kubernetes/resource.ts'
import { linuxApiServer } from '../../src/world/linux/api-server.ts'
import { openStage } from '../host/stage.ts'
import { needsStage } from '../host/stage-guest.ts'
import { image, network, networked, secret, vm, withState, yaml } from '../host/stage-manifests.ts'
import { until } from '../host/stage-until.ts'
import { type Cluster, hasCluster, needsCluster, openCluster, tenant } from './cluster.ts'
import { clientOf, identityOf, install, kind, makeNode, never, podToken } from './rbac.ts'

let cluster: Cluster
const tokens = { pod: '', a: '', b: '', manager: '' }

beforeEach(needsCluster)

beforeAll(async () => {
  if (!hasCluster) return
  cluster = await openCluster()
  await install(cluster)
  for (const node of ['node-a', 'node-b', 'node-c']) await makeNode(cluster, node)
  const unbound = await podToken(cluster, null)
  // A policy holds a moment after it is there.
  await until(
    'the policies hold',
    60,
    () => as(unbound, ...dry, 'create', 'sa', 'node-a', '-n', 'moorage-hosts'),
    isRefused,
  )
  tokens.pod = await podToken(cluster, 'node-a')
  tokens.a = await (await identityOf(cluster, tokens.pod, 'node-a')).current()
  tokens.b = await (await identityOf(cluster, await podToken(cluster, 'node-b'), 'node-b')).current()
  tokens.manager = (await cluster.kubectl('create', 'token', 'moorage-manager', '-n', 'moorage-system')).trim()
  await cluster.apply(
    yaml(network('n1'), image('small'), networked('mine', 'n1', null), networked('theirs', 'n1', null)),
  )
  await cluster.patchStatus('microvm/mine', bound('node-a', '10.1.0.2'))
  await cluster.patchStatus('microvm/theirs', bound('node-b', '10.1.0.3'))
})

afterAll(() => cluster?.close())

interface Policy {
  readonly metadata: { readonly name: string }
  readonly status?: { readonly typeChecking?: { readonly expressionWarnings?: unknown } }
}

const dry = ['--dry-run=server']

function bound(nodeName: string, address: string) {
  const interfaces = [{ name: 'eth0', addresses: [{ address }] }]
  return { nodeName, bindingEpoch: 1, rollout: 'slow', restart: { wanted: 'x', granted: 'x' }, interfaces }
}

/** What kubectl says to who has a token, whether it is let or not. */
function as(token: string, ...args: readonly string[]): Promise<string> {
  const command = `${args.join(' ')}: `
  return cluster
    .kubectl('--token', token, ...args)
    .catch(({ message }: Error) => message.slice(message.indexOf(command) + command.length))
}

/** As `as`, with an object. */
async function send(token: string, verb: 'create' | 'apply', object: object): Promise<string> {
  const {
    apiVersion = 'v1',
    kind: of,
    metadata,
  } = object as { apiVersion?: string; kind: string; metadata: { name: string; namespace?: string } }
  const all = Object.values({
    ...resources,
    microVM: kind('MicroVM'),
    host: kind('MicroVMHost'),
    state: kind('MicroVMState'),
  })
  const resource = all.find((one) => one.kind === of && one.apiVersion === apiVersion)!
  const client = await clientOf(cluster, token)
  const { namespace } = metadata
  const sent = { apiVersion, ...object } as never
  const done =
    verb === 'create'
      ? client.create(resource, namespace ? { namespace } : {}, sent, never)
      : client.apply(resource, sent, { manager: 'test', force: true }, never)
  return done.then(
    () => 'done',
    (error: Error) => error.message,
  )
}

/** A merge patch without a look before, which `kubectl patch` takes; `done`, or why not. */
async function merge(token: string, what: string, change: object, subresource?: 'status'): Promise<string> {
  const [singular, name = ''] = what.split('/')
  const resource = resourceOf(kindNamed(singular!)!)
  const where = { name, ...(resource.namespaced && { namespace: 'default' }), ...(subresource && { subresource }) }
  const client = await clientOf(cluster, token)
  return client.merge(resource, where, change, never).then(
    () => 'done',
    (error: Error) => error.message,
  )
}

const patch = (token: string, what: string, status: unknown) => merge(token, what, { status }, 'status')

const isRefused = (said: string) => /denied request|forbidden/i.test(said)

/** What somebody may do: `resource [names]: verbs`, without what everybody may. */
async function rightsOf(token: string, namespace: string): Promise<readonly string[]> {
  const text = await as(token, 'auth', 'can-i', '--list', '-n', namespace, '--no-headers')
  const rights = text.split('\n').flatMap((line) => {
    const row = /^([^\s[]\S*) +\[\] +\[(.*?)\] +\[(.*?)\]/.exec(line)
    return row ? [`${row[1]}${row[2] ? ` ${row[2]}` : ''}: ${row[3]}`] : []
  })
  return rights.filter((line) => !/^self|reviews\.auth/.test(line)).sort()
}

describe('what is installed', () => {
  test('the policies speak of fields that there are', async () => {
    // The server checks a policy when it changes, and skips what it does not know yet: so a wrong one first, until that is told.
    const look = async () => {
      for (const matchPolicy of ['Exact', 'Equivalent'])
        await cluster.kubectl('get', 'validatingadmissionpolicies', '-o', 'name').then(async (names) => {
          const change = JSON.stringify({ spec: { matchConstraints: { matchPolicy } } })
          await cluster.kubectl('patch', ...names.trim().split('\n'), '--type=merge', '-p', change)
        })
      await sleep(2000)
      const { items } = JSON.parse(await cluster.kubectl('get', 'validatingadmissionpolicies', '-o', 'json'))
      return new Map<string, unknown>(
        items.map((one: Policy) => [one.metadata.name, one.status?.typeChecking?.expressionWarnings]),
      )
    }
    await cluster.apply(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: { name: wrong }
spec:
  matchConstraints:
    resourceRules: [{ apiGroups: [moorage.dev], apiVersions: [v1alpha1], operations: [UPDATE], resources: [microvms] }]
  validations: [{ expression: object.spec.nonsense == 1 }]`)
    const warnings = await until('a wrong policy is told', 90, look, (seen) => seen.get('wrong') !== undefined)
    await cluster.kubectl('delete', 'validatingadmissionpolicy', 'wrong')
    warnings.delete('wrong')
    expect([...warnings.keys()].length).toBeGreaterThan(8)
    expect([...warnings].filter(([, each]) => each !== undefined)).toEqual([])
  })

  test.for(['single-node', 'capabilities'])('the overlay %s is taken, too', async (overlay) => {
    await install(cluster, `overlays/${overlay}`)
    await install(cluster)
  })
})

describe('a pod becomes the host that it runs on', () => {
  test('that one, by a token of an hour that ends with its Node', async () => {
    const who = JSON.parse(await as(tokens.a, 'auth', 'whoami', '-o', 'json')).status.userInfo
    expect(who.username).toBe('system:serviceaccount:moorage-hosts:node-a')
    expect(who.groups).toContain('system:serviceaccounts:moorage-hosts')
    const claims = JSON.parse(Buffer.from(tokens.a.split('.')[1]!, 'base64url').toString())
    expect(claims.exp - claims.iat).toBe(3600)
    const token = await (await identityOf(cluster, await podToken(cluster, 'node-c'), 'node-c')).current()
    expect(await as(token, 'get', 'microvms')).toContain('mine')
    await cluster.kubectl('delete', 'node', 'node-c')
    await until(
      'it is no longer known',
      30,
      () => as(token, 'get', 'microvms'),
      (said) => /Unauthorized|logged in/.test(said),
    )
  })

  test('a token that ended with its Node is replaced when the Node is there again', async () => {
    await makeNode(cluster, 'node-d')
    const podsToken = await podToken(cluster, 'node-d')
    const identity = await identityOf(cluster, podsToken, 'node-d')
    const api = await linuxApiServer(join(cluster.folder, `kubeconfig-${podsToken.slice(-12)}`), {
      userAgent: 'test',
      bearer: identity,
    })
    const look = async () =>
      (await api.send({ method: 'GET', path: '/apis/moorage.dev/v1alpha1/microvms' }, never)).status
    expect(await look()).toBe(200)
    await cluster.kubectl('delete', 'node', 'node-d')
    const said = () => look().then(String, (error: Error) => error.message)
    await until('it is nobody', 30, said, (text) => /no token for host node-d: .*"node-d" not found/.test(text))
    await cluster.apply('{apiVersion: v1, kind: Node, metadata: {name: node-d}}')
    await until('it is somebody again', 40, look, (status) => status === 200)
  })

  test('and no other', async () => {
    await expect((await identityOf(cluster, tokens.pod, 'node-b')).current()).rejects.toThrow(
      /node-a may have a token of that node alone/,
    )
    await expect((await identityOf(cluster, tokens.pod, 'node-x')).current()).rejects.toThrow(
      /may make the ServiceAccount of that node alone/,
    )
  })

  test('a token that is bound to no pod is nobody', async () => {
    const token = await podToken(cluster, null)
    for (const node of ['node-a', 'node-x'])
      await expect((await identityOf(cluster, token, node)).current()).rejects.toThrow(/names no node/)
  })

  test('for an hour and with its Node, not for longer and not without', async () => {
    const ask = (...args: readonly string[]) =>
      as(tokens.pod, 'create', 'token', 'node-a', '-n', 'moorage-hosts', ...args)
    expect(await ask()).toMatch(/bound to its Node/)
    expect(await ask('--bound-object-kind=Node', '--bound-object-name=node-b')).toMatch(/bound to its Node/)
    expect(await ask('--bound-object-kind=Node', '--bound-object-name=node-a', '--duration=2h')).toMatch(
      /an hour at most/,
    )
    expect(await ask('--bound-object-kind=Node', '--bound-object-name=node-a', '--duration=1h')).toMatch(/^ey/)
  })

  test('it may do nothing else', async () => {
    expect(await rightsOf(tokens.pod, 'moorage-hosts')).toEqual([
      'serviceaccounts/token: create',
      'serviceaccounts: create',
    ])
    expect(await rightsOf(tokens.pod, 'moorage-system')).toEqual([])
    expect(await as(tokens.pod, 'create', 'token', 'moorage-manager', '-n', 'moorage-system')).toMatch(/forbidden/)
  })
})

describe('a host', () => {
  test('says what came of its own VM, state and operation', async () => {
    expect(
      await patch(tokens.a, 'microvm/mine', {
        phase: 'Running',
        interfaces: [{ name: 'eth0', tap: 'vm-mine', addresses: [{ address: '10.1.0.2' }] }],
      }),
    ).toBe('done')
    const client = await clientOf(cluster, tokens.a)
    const { apiVersion, kind: of } = kind('MicroVM')
    const status = { phase: 'Running', interfaces: [{ name: 'eth0', tap: 'vm-mine' }] }
    const applied = { apiVersion, kind: of, metadata: { name: 'mine', namespace: 'default' }, status }
    const after = await client.apply(
      kind('MicroVM'),
      applied,
      { manager: 'moorage-agent', force: true, subresource: 'status' },
      never,
    )
    expect(after.status).toMatchObject({
      nodeName: 'node-a',
      interfaces: [{ tap: 'vm-mine', addresses: [{ address: '10.1.0.2' }] }],
    })
    await cluster.apply(`
apiVersion: moorage.dev/v1alpha1
kind: MicroVMState
metadata: { name: disk }
spec: { size: 1Gi }
---
apiVersion: moorage.dev/v1alpha1
kind: MicroVMOperation
metadata: { name: go }
spec: { type: Restart, microVM: { name: mine }, ttlSeconds: 600 }`)
    for (const what of ['microvmstate/disk', 'microvmoperation/go']) {
      expect(await patch(tokens.a, what, { phase: 'X' })).toMatch(/binds nothing/)
      await cluster.patchStatus(what, { nodeName: 'node-a' })
      expect(await patch(tokens.a, what, { phase: 'X' })).toBe('done')
      expect(await patch(tokens.b, what, { phase: 'X' })).toMatch(/binds nothing/)
      expect(await patch(tokens.a, what, { nodeName: 'node-b' })).toMatch(/binds nothing/)
    }
    expect(await patch(tokens.a, 'microvmstate/disk', { bindingEpoch: 7 })).toMatch(/bindingEpoch is the manager's/)
  })

  test("says nothing of another host's", async () => {
    expect(await patch(tokens.a, 'microvm/theirs', { phase: 'Failed' })).toMatch(/binds nothing/)
    expect(await patch(tokens.a, 'microvm/theirs', { nodeName: 'node-a' })).toMatch(/binds nothing/)
  })

  test.for<[string, unknown, RegExp]>([
    ['give its VM away', { nodeName: 'node-b' }, /binds nothing/],
    ['let go of it', { nodeName: null }, /binds nothing/],
    ['count bindings', { bindingEpoch: 2 }, /bindingEpoch is the manager's/],
    ['uncount them', { bindingEpoch: null }, /bindingEpoch is the manager's/],
    ['grant itself a restart', { restart: { granted: 'y' } }, /granted are the manager's/],
    ['leave its rollout', { rollout: null }, /granted are the manager's/],
    [
      'change an address',
      { interfaces: [{ name: 'eth0', addresses: [{ address: '10.1.0.9' }] }] },
      /addresses .* manager's/,
    ],
    ['drop an address', { interfaces: [] }, /addresses .* manager's/],
    [
      'add an address',
      {
        interfaces: [
          { name: 'eth0', addresses: [{ address: '10.1.0.2' }] },
          { name: 'eth1', addresses: [{ address: '10.1.0.8' }] },
        ],
      },
      /addresses .* manager's/,
    ],
  ])('cannot %s', async ([, status, why]) => {
    expect(await patch(tokens.a, 'microvm/mine', status)).toMatch(why)
  })

  test('changes nothing but status, and deletes nothing', async () => {
    expect(await merge(tokens.a, 'microvm/mine', { spec: { vcpu: 2 } })).toMatch(/forbidden/)
    expect(await as(tokens.a, 'delete', 'microvm/mine')).toMatch(/forbidden/)
    const before = await cluster.get('microvm', 'mine')
    const metadata = { finalizers: ['evil.dev/keep'], labels: { evil: 'yes' } }
    await merge(tokens.a, 'microvm/mine', { metadata, status: { phase: 'Y' } }, 'status')
    const after = await cluster.get('microvm', 'mine')
    expect(after?.status?.phase).toBe('Y')
    const labelsOf = (object: unknown) => (object as { metadata: { labels?: unknown } }).metadata.labels
    expect(labelsOf(after)).toEqual(labelsOf(before))
    expect(JSON.stringify(after)).not.toContain('evil')
  })

  test('makes its own MicroVMHost and no other, without what people say of it', async () => {
    const host = (name: string, spec: object = {}, labels: object = {}) =>
      send(tokens.a, 'create', {
        apiVersion: 'moorage.dev/v1alpha1',
        kind: 'MicroVMHost',
        metadata: { name, labels },
        spec,
      })
    expect(await host('node-b')).toMatch(/its own MicroVMHost alone/)
    expect(await host('node-a', { taints: [{ key: 'x', effect: 'OutOfService' }] })).toMatch(/people say/)
    expect(await host('node-a', { overcommit: { vcpuPercent: 200 } })).toMatch(/people say/)
    expect(await host('node-a', {}, { zone: 'trusted' })).toMatch(/no label but/)
    expect(await host('node-a', {}, { 'kubernetes.io/hostname': 'node-b' })).toMatch(/no label but/)
    expect(await host('node-a', {}, { 'kubernetes.io/hostname': 'node-a' })).toBe('done')
    await cluster.apply('{apiVersion: moorage.dev/v1alpha1, kind: MicroVMHost, metadata: {name: node-b}, spec: {}}')
    expect(await patch(tokens.a, 'microvmhost/node-a', { version: '1' })).toBe('done')
    expect(await patch(tokens.a, 'microvmhost/node-b', { version: '1' })).toMatch(/its own MicroVMHost alone/)
    expect(await merge(tokens.a, 'microvmhost/node-a', { spec: { taints: [] } })).toMatch(/forbidden/)
    expect(await as(tokens.a, 'delete', 'microvmhost/node-b')).toMatch(/forbidden/)
  })

  test('keeps its own Lease alive and no other', async () => {
    const lease = (name: string, holderIdentity = name, namespace = 'moorage-hosts') =>
      send(tokens.a, 'apply', {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name, namespace },
        spec: { holderIdentity },
      })
    expect(await lease('node-b')).toMatch(/Lease of its name alone/)
    expect(await lease('node-a', 'node-b')).toMatch(/Lease of its name alone/)
    expect(await lease('node-a', 'node-a', 'moorage-system')).toMatch(/forbidden/)
    expect(await lease('node-a')).toBe('done')
    expect(await lease('node-a')).toBe('done')
  })

  test('reports events in its own name, on objects of Moorage', async () => {
    const event = (reportingInstance: string, apiVersion = 'moorage.dev/v1alpha1') =>
      send(tokens.a, 'create', {
        ...{
          apiVersion: 'events.k8s.io/v1',
          kind: 'Event',
          metadata: { name: `e-${Math.floor(performance.now() * 1000)}`, namespace: 'default' },
        },
        ...{
          reportingInstance,
          reportingController: 'moorage.dev/agent',
          action: 'Start',
          reason: 'Started',
          type: 'Normal',
        },
        ...{
          eventTime: new Date().toISOString().replace('Z', '000Z'),
          regarding: { apiVersion, kind: 'MicroVM', name: 'mine', namespace: 'default' },
        },
      })
    expect(await event('node-b')).toMatch(/in its own name/)
    expect(await event('node-a', 'v1')).toMatch(/on objects of Moorage/)
    expect(await event('node-a')).toBe('done')
  })

  test('reads the Secret that it was granted, by its name, and no other', async () => {
    await cluster.apply(yaml(secret('app', { api: 'one' }), secret('other', { api: 'two' })))
    expect(await as(tokens.a, 'get', 'secret', 'app')).toMatch(/forbidden/)
    for (const object of grant('node-a')) expect(await send(tokens.manager, 'apply', object)).toBe('done')
    await until(
      'it may',
      10,
      () => as(tokens.a, 'get', 'secret', 'app', '-o', 'name'),
      (said) => said === 'secret/app\n',
    )
    for (const [token, ...args] of [
      [tokens.a, 'other'],
      [tokens.a],
      [tokens.a, '-A'],
      [tokens.a, 'app', '-n', 'kube-system'],
      [tokens.b, 'app'],
    ] as const)
      expect(await as(token, 'get', 'secret', ...args), args.join(' ')).toMatch(/forbidden/)
    const watching = await clientOf(cluster, tokens.a)
    expect((await watching.get(resources.secret, { namespace: 'default', name: 'app' }, never))?.metadata.name).toBe(
      'app',
    )
    const watch = [
      'get',
      '--raw',
      '/api/v1/namespaces/default/secrets?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3D',
    ]
    expect(await as(tokens.a, ...watch.slice(0, 2), `${watch[2]}app`)).toMatch(/"ADDED"/)
    expect(await as(tokens.a, ...watch.slice(0, 2), `${watch[2]}other`)).toMatch(/forbidden/i)
  })

  test('may do this, and nothing else', async () => {
    expect(await rightsOf(tokens.b, 'default')).toEqual([
      'events.events.k8s.io: create patch',
      'microvmhosts.moorage.dev/status: patch',
      'microvmhosts.moorage.dev: get list watch create',
      'microvmimages.moorage.dev: list watch',
      'microvmnetworks.moorage.dev: list watch',
      'microvmoperations.moorage.dev/status: patch',
      'microvmoperations.moorage.dev: list watch',
      'microvmrollouts.moorage.dev: list watch',
      'microvms.moorage.dev/status: patch',
      'microvms.moorage.dev: get list watch',
      'microvmshares.moorage.dev: list watch',
      'microvmstates.moorage.dev/status: patch',
      'microvmstates.moorage.dev: get list watch',
      'microvmtenants.moorage.dev: list watch',
      'microvmvolumes.moorage.dev/status: patch',
      'microvmvolumes.moorage.dev: list watch create patch delete',
    ])
    expect((await rightsOf(tokens.b, 'moorage-hosts')).filter((line) => !line.includes('moorage.dev'))).toEqual([
      'events.events.k8s.io: create patch',
      'leases.coordination.k8s.io: create patch',
    ])
  })
})

const labels = { 'app.kubernetes.io/managed-by': 'moorage' }
const rbac = { apiVersion: 'rbac.authorization.k8s.io/v1' }

/** What the manager makes: a Role, and who has it. */
function grant(node: string, role: object = {}, binding: object = {}, meta: object = {}) {
  const metadata = { name: `moorage-host-${node}`, namespace: 'default', labels, ...meta }
  const rule = { apiGroups: [''], resources: ['secrets'], resourceNames: ['app'], verbs: ['get', 'watch'], ...role }
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name }
  const subjects = [{ kind: 'ServiceAccount', name: node, namespace: 'moorage-hosts' }]
  return [
    { ...rbac, kind: 'Role', metadata, rules: [rule] },
    { ...rbac, kind: 'RoleBinding', metadata, roleRef, subjects, ...binding },
  ] as const
}

describe('the manager', () => {
  test('reads no Secret', async () => {
    for (const args of [['app'], [], ['-A']])
      expect(await as(tokens.manager, 'get', 'secret', ...args)).toMatch(/forbidden/)
  })

  test.for<[string, object, object?]>([
    ['list', { verbs: ['get', 'list'] }],
    ['everything', { verbs: ['*'] }],
    ['Secrets without a name', { resourceNames: [] }],
    ['ConfigMaps', { resources: ['secrets', 'configmaps'] }],
    ['Secrets of other groups', { apiGroups: ['', 'apps'] }],
    ['Secrets in kube-system', {}, { namespace: 'kube-system' }],
    ['Secrets in moorage-system', {}, { namespace: 'moorage-system' }],
    ['by a role of another name', {}, { name: 'admin' }],
    ['by a role without its label', {}, { labels: {} }],
  ])('cannot grant %s', async ([, role, meta]) => {
    expect(await send(tokens.manager, 'apply', grant('node-b', role, {}, meta)[0])).toMatch(
      /denied request: the manager/,
    )
  })

  test.for<[string, object, object?]>([
    ['another host', { subjects: [{ kind: 'ServiceAccount', name: 'node-a', namespace: 'moorage-hosts' }] }],
    ['itself', { subjects: [{ kind: 'ServiceAccount', name: 'moorage-manager', namespace: 'moorage-system' }] }],
    ['a user', { subjects: [{ kind: 'User', name: 'node-b', apiGroup: 'rbac.authorization.k8s.io' }] }],
    [
      'all hosts',
      {
        subjects: [
          { kind: 'Group', name: 'system:serviceaccounts:moorage-hosts', apiGroup: 'rbac.authorization.k8s.io' },
        ],
      },
    ],
    ['a host to another role', { roleRef: { ...grant('node-a')[1].roleRef } }],
  ])('cannot bind %s', async ([, binding]) => {
    expect(await send(tokens.manager, 'apply', grant('node-b')[0])).toBe('done')
    expect(await send(tokens.manager, 'apply', grant('node-b', {}, binding)[1])).toMatch(/denied request: the manager/)
  })

  test('cannot bind a ClusterRole, nor grant for all namespaces', async () => {
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' }
    expect(await send(tokens.manager, 'apply', grant('node-b', {}, { roleRef })[1])).toMatch(/denied request|forbidden/)
    expect(
      await as(tokens.manager, 'create', 'clusterrole', 'moorage-host-x', '--verb=get', '--resource=secrets'),
    ).toMatch(/forbidden/)
  })

  test('takes its grants back, and no roles of others', async () => {
    for (const object of grant('node-b')) expect(await send(tokens.manager, 'apply', object)).toBe('done')
    for (const what of ['role', 'rolebinding'])
      expect(await as(tokens.manager, 'delete', what, 'moorage-host-node-b')).toMatch(/deleted/)
    const [role] = grant('node-b', {}, {}, { labels: {} })
    await cluster.apply(JSON.stringify(role))
    expect(await as(tokens.manager, 'delete', 'role', 'moorage-host-node-b')).toMatch(/touches nothing but/)
    expect(await send(tokens.manager, 'apply', grant('node-b')[0])).toMatch(/touches nothing but/)
    await cluster.kubectl('create', 'role', 'other', '--verb=get', '--resource=pods')
    expect(await as(tokens.manager, 'delete', 'role', 'other')).toMatch(/touches nothing but/)
  })

  test("writes finalizers of its own, and nothing else of what is the user's", async () => {
    const change = (object: object) => merge(tokens.manager, 'microvm/mine', object)
    expect(await change({ metadata: { finalizers: ['moorage.dev/host'] } })).toBe('done')
    expect(await change({ spec: { vcpu: 2 } })).toMatch(/spec is the user's/)
    expect(await change({ metadata: { labels: { a: 'b' } } })).toMatch(/finalizers only/)
    expect(await change({ metadata: { annotations: { a: 'b' } } })).toMatch(/finalizers only/)
    await cluster.kubectl(
      'patch',
      'microvm/mine',
      '--type=merge',
      '-p',
      '{"metadata":{"finalizers":["moorage.dev/host","other.dev/x"]}}',
    )
    expect(await change({ metadata: { finalizers: [] } })).toMatch(/finalizers of moorage.dev only/)
    expect(await change({ metadata: { finalizers: ['other.dev/x'] } })).toBe('done')
    await cluster.kubectl('patch', 'microvm/mine', '--type=merge', '-p', '{"metadata":{"finalizers":null}}')
    expect(await as(tokens.manager, 'delete', 'microvm/mine')).toMatch(/forbidden/)
  })

  test('may do this, and nothing else', async () => {
    expect(await rightsOf(tokens.manager, 'default')).toMatchInlineSnapshot(`
      [
        "events.events.k8s.io: create patch",
        "microvmhosts.moorage.dev/status: patch",
        "microvmhosts.moorage.dev: list watch",
        "microvmimages.moorage.dev/status: patch",
        "microvmimages.moorage.dev: list watch patch",
        "microvmnetworks.moorage.dev/status: patch",
        "microvmnetworks.moorage.dev: list watch patch",
        "microvmoperations.moorage.dev/status: patch",
        "microvmoperations.moorage.dev: list watch delete",
        "microvmrollouts.moorage.dev/status: patch",
        "microvmrollouts.moorage.dev: list watch",
        "microvms.moorage.dev/status: patch",
        "microvms.moorage.dev: list watch patch",
        "microvmshares.moorage.dev/status: patch",
        "microvmshares.moorage.dev: list watch",
        "microvmstates.moorage.dev/status: patch",
        "microvmstates.moorage.dev: list watch patch create",
        "microvmtenants.moorage.dev/status: patch",
        "microvmtenants.moorage.dev: list watch",
        "microvmvolumes.moorage.dev: list watch",
        "rolebindings.rbac.authorization.k8s.io: list watch create patch delete",
        "roles.rbac.authorization.k8s.io: list watch create patch delete escalate bind",
      ]
    `)
    expect(
      (await rightsOf(tokens.manager, 'moorage-system')).filter((line) => line.startsWith('leases')),
    ).toMatchInlineSnapshot(`
      [
        "leases.coordination.k8s.io moorage-manager: get update patch",
        "leases.coordination.k8s.io: create",
      ]
    `)
    expect(
      (await rightsOf(tokens.manager, 'moorage-hosts')).filter((line) => line.startsWith('leases')),
    ).toMatchInlineSnapshot(`
      [
        "leases.coordination.k8s.io: get list watch",
      ]
    `)
  })
})

describe('an agent in a pod', () => {
  test('takes its identity, and runs a VM with a Secret with no more than that', async (context) => {
    needsStage(context)
    const stage = await openStage({
      cluster: { kubeconfig: null, node: 'node-a' },
      env: {
        KUBERNETES_SERVICE_HOST: '10.254.0.1',
        KUBERNETES_SERVICE_PORT: new URL(cluster.server).port,
        KUBECONFIG: undefined,
      },
    })
    try {
      await cluster.connect(stage.net, 2)
      const folder = '/run/secrets/kubernetes.io/serviceaccount'
      await stage.net.exec(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'run', '/run'])
      await stage.net.exec(['mkdir', '-p', folder])
      for (const [name, text] of [
        ['token', tokens.pod],
        ['namespace', 'moorage-system'],
      ] as const)
        await stage.net.exec(['tee', `${folder}/${name}`], text)
      await stage.net.exec(['cp', cluster.ca, `${folder}/ca.crt`])
      await cluster.kubectl('delete', 'microvmhost', '--all')
      await cluster.kubectl('delete', 'microvm', '--all')
      await stage.start()
      await cluster.kubectl('wait', '--for=create', 'microvmhost/node-a', '--timeout=30s')
      await cluster.kubectl('wait', '--for=condition=Ready', 'microvmhost/node-a', '--timeout=30s')
      const credentials = { items: [{ name: 'API-KEY', source: { secretKeyRef: { name: 'app', key: 'api' } } }] }
      await cluster.apply(yaml(tenant('default', { images: ['small'] }), image('small')))
      await cluster.apply(yaml(vm('secretive', { credentials, ...withState('kept') })))
      const kept = { apiVersion: 'moorage.dev/v1alpha1', kind: 'MicroVMState', metadata: { name: 'kept' } }
      await cluster.apply(yaml({ ...kept, spec: { size: '64Mi' } }))
      await cluster.patchStatus('microvmstate/kept', { nodeName: 'node-a', bindingEpoch: 1 })
      await cluster.patchStatus('microvm/secretive', { nodeName: 'node-a', bindingEpoch: 1 })
      await cluster.kubectl('wait', '--for=condition=CredentialsCurrent', 'microvm/secretive', '--timeout=60s')
      await cluster.kubectl('wait', '--for=jsonpath={.status.phase}=Running', 'microvm/secretive', '--timeout=60s')
      await until(
        'its volume is told',
        20,
        () => cluster.kubectl('get', 'microvmvolumes', '-o', 'jsonpath={.items[*].status.nodeName}'),
        (node) => node === 'node-a',
      )
      expect(stage.log()).not.toMatch(/forbidden|denied|Unauthorized/)
    } finally {
      await stage.close()
    }
  })
})
