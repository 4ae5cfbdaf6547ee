import { describe, expect, test } from 'vitest'
import { kindOf } from '../../src/api/kinds.ts'
import { newClient } from '../../src/kubernetes/client.ts'
import { ApiError } from '../../src/kubernetes/error.ts'
import { type ApiObject, pathOf, type Resource, resourceOf, resources } from '../../src/kubernetes/resource.ts'
import type { ApiServer } from '../../src/world/api-server.ts'
import type { Clock } from '../../src/world/clock.ts'

/** A server to hold to the contract; `namespace`: one of its own for each test. */
export interface Subject {
  readonly api: ApiServer
  readonly clock: Clock
  namespace(): Promise<string>
}

const machine = resourceOf(kindOf('MicroVM')!)
const host = resourceOf(kindOf('MicroVMHost')!)
const never = new AbortController().signal

/** What Moorage relies on in an API server: one suite for the real one and the one in memory. */
export function apiContract(name: string, open: () => Promise<Subject>, isThere = true): void {
  describe.skipIf(!isThere)(name, () => {
    async function stage() {
      const subject = await open()
      const namespace = await subject.namespace()
      const client = newClient(subject.api, subject.clock)
      const make = (vm: string, more: Record<string, unknown> = {}) =>
        client.create(machine, { namespace }, { ...machineOf(vm, namespace), ...more }, never)
      const status = (vm: string, value: object, manager = 'one', force = true, metadata: object = {}) =>
        client.apply(
          machine,
          { ...head(machine), metadata: { name: vm, namespace, ...metadata }, status: value },
          { manager, force, subresource: 'status' },
          never,
        )
      return { ...subject, namespace, client, make, status, at: (vm: string) => ({ namespace, name: vm }) }
    }

    test('a new object has uid, version, generation 1 and the default status; a second of its name is refused', async () => {
      const { make } = await stage()
      const made = await make('a', { status: { phase: 'Running' } })
      expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/)
      expect(made.metadata.generation).toBe(1)
      expect(made.status).toEqual({ observedGeneration: -1 })
      expect(await refusal(make('a'))).toEqual([409, 'AlreadyExists'])
    })

    test('what is not there: null, 404, or false', async () => {
      const { client, at, status } = await stage()
      expect(await client.get(machine, at('none'), never)).toBeNull()
      expect(await client.remove(machine, at('none'), null, never)).toBe(false)
      expect(await refusal(client.merge(machine, at('none'), {}, never))).toEqual([404, 'NotFound'])
      expect(await refusal(status('none', { phase: 'x' }))).toEqual([404, 'NotFound'])
    })

    test('spec counts generations, labels and status do not; what changes nothing makes no version', async () => {
      const { make, client, at, status } = await stage()
      const made = await make('a')
      const labelled = await client.merge(machine, at('a'), { metadata: { labels: { x: 'y' } } }, never)
      expect(labelled.metadata.generation).toBe(1)
      expect(labelled.metadata.resourceVersion).not.toBe(made.metadata.resourceVersion)
      expect((await status('a', { phase: 'Running' })).metadata.generation).toBe(1)
      const changed = await client.merge(machine, at('a'), { spec: { vcpu: 2 }, status: { phase: 'no' } }, never)
      expect(changed.metadata.generation).toBe(2)
      expect(changed.status).toMatchObject({ phase: 'Running' })
      const same = await client.merge(machine, at('a'), { spec: { vcpu: 2 } }, never)
      expect(same.metadata.resourceVersion).toBe(changed.metadata.resourceVersion)
      const again = await status('a', { phase: 'Running' })
      expect(again.metadata.resourceVersion).toBe(changed.metadata.resourceVersion)
    })

    test('another version than the one meant is refused by every write', async () => {
      const { make, client, at, status } = await stage()
      const made = await make('a')
      const { uid, resourceVersion } = made.metadata
      await status('a', { phase: 'Running' })
      const conflict = [409, 'Conflict']
      const old = { uid, resourceVersion }
      expect(await refusal(client.merge(machine, at('a'), { metadata: old }, never))).toEqual(conflict)
      expect(await refusal(status('a', { phase: 'x' }, 'one', true, old))).toEqual(conflict)
      expect(await refusal(client.replace(machine, at('a'), made, never))).toEqual(conflict)
      expect(await refusal(client.remove(machine, at('a'), old, never))).toEqual(conflict)
    })

    test('another uid than the one meant is refused, but for a status that is applied', async () => {
      const { make, client, at, status } = await stage()
      const made = await make('a')
      const uid = '00000000-0000-0000-0000-000000000000'
      const conflict = [409, 'Conflict']
      expect(await refusal(client.merge(machine, at('a'), { metadata: { uid } }, never))).toEqual([422, 'Invalid'])
      const other = { ...made, metadata: { ...made.metadata, uid } }
      expect(await refusal(client.replace(machine, at('a'), other, never))).toEqual(conflict)
      expect(await refusal(client.remove(machine, at('a'), { uid }, never))).toEqual(conflict)
      // So who must not write to another incarnation names the version that he saw.
      expect((await status('a', { phase: 'x' }, 'one', true, { uid })).status).toMatchObject({ phase: 'x' })
    })

    test('finalizers hold a deletion, which counts as a generation; none can be added then', async () => {
      const { make, client, at } = await stage()
      await make('a', {
        metadata: { ...machineOf('a', '').metadata, namespace: at('a').namespace, finalizers: ['x.dev/a'] },
      })
      expect(await client.remove(machine, at('a'), null, never)).toBe(true)
      const deleting = await client.get(machine, at('a'), never)
      expect(deleting?.metadata.deletionTimestamp).toBeDefined()
      expect(deleting?.metadata.generation).toBe(2)
      const more = client.merge(machine, at('a'), { metadata: { finalizers: ['x.dev/a', 'x.dev/b'] } }, never)
      expect(await refusal(more)).toEqual([422, 'Invalid'])
      const last = await client.merge(machine, at('a'), { metadata: { finalizers: [] } }, never)
      expect(last.metadata.deletionTimestamp).toBeDefined()
      expect(await client.get(machine, at('a'), never)).toBeNull()
    })

    test('a spec that breaks the schema is refused', async () => {
      const { make } = await stage()
      expect(await refusal(make('a', { spec: { ...machineOf('a', '').spec, vcpu: 0 } }))).toEqual([422, 'Invalid'])
    })

    test('applied status: entries of lists by key, each of who applied it; what is left out goes', async () => {
      const { make, status } = await stage()
      await make('a')
      await status('a', {
        nodeName: 'n',
        bindingEpoch: 1,
        interfaces: [{ name: 'e', addresses: [{ address: '10.0.0.2' }] }],
      })
      const both = await status(
        'a',
        { phase: 'Running', interfaces: [{ name: 'e', tap: 't' }], conditions: [ready('True')] },
        'two',
      )
      expect(both.status).toMatchObject({
        ...{ nodeName: 'n', bindingEpoch: 1, phase: 'Running' },
        interfaces: [{ name: 'e', tap: 't', addresses: [{ address: '10.0.0.2' }] }],
      })
      const less = await status('a', { nodeName: 'n' })
      expect(less.status).not.toHaveProperty('bindingEpoch')
      expect(less.status).toMatchObject({ nodeName: 'n', interfaces: [{ name: 'e', tap: 't' }] })
      await status('a', { nodeName: 'n', restart: { granted: 'd' } })
      expect((await status('a', { nodeName: 'n' })).status).not.toHaveProperty('restart.granted')
      const gone = await status('a', { phase: 'Running' }, 'two')
      expect(gone.status).toMatchObject({ observedGeneration: -1, nodeName: 'n', phase: 'Running' })
      expect(gone.status).not.toHaveProperty('interfaces.0')
      expect(gone.status).not.toHaveProperty('conditions.0')
    })

    test('applied status: a field of another is taken by force only, and is given back', async () => {
      const { make, status } = await stage()
      await make('a')
      await status('a', { conditions: [ready('True')] }, 'agent')
      expect(await refusal(status('a', { conditions: [ready('Unknown')] }, 'manager', false))).toEqual([
        409,
        'Conflict',
      ])
      expect((await status('a', { conditions: [ready('Unknown')] }, 'manager')).status).toMatchObject({
        conditions: [{ status: 'Unknown' }],
      })
      expect((await status('a', { conditions: [ready('True')] }, 'agent')).status).toMatchObject({
        conditions: [{ status: 'True' }],
      })
      // The manager owned the entry besides the agent: leaving it out takes nothing away.
      expect((await status('a', { nodeName: 'n' }, 'manager')).status).toMatchObject({
        conditions: [{ status: 'True' }],
      })
    })

    test('applied status: an empty list stays where there was none, and takes the list away where there was one', async () => {
      const { client, namespace } = await stage()
      const name = `host-${namespace}`
      await client.create(host, {}, { ...head(host), metadata: { name }, spec: {} }, never)
      const apply = (machines: object[]) =>
        client.apply(
          host,
          { ...head(host), metadata: { name }, status: { machines } },
          { manager: 'agent', force: true, subresource: 'status' },
          never,
        )
      expect((await apply([])).status).toMatchObject({ machines: [] })
      expect((await apply([{ uid: 'u', name: 'a' }])).status).toMatchObject({ machines: [{ uid: 'u', name: 'a' }] })
      expect((await apply([])).status).not.toHaveProperty('machines')
      expect((await apply([])).status).toMatchObject({ machines: [] })
      await client.remove(host, { name }, null, never)
    })

    test('an applied object is created, changed and left', async () => {
      const { client, namespace } = await stage()
      const role = (names: string[]) => ({
        ...head(resources.role),
        metadata: { name: 'r', namespace, labels: { a: 'b' } },
        rules: [{ apiGroups: [''], resources: ['secrets'], resourceNames: names, verbs: ['get'] }],
      })
      const options = { manager: 'one', force: true }
      const made = await client.apply(resources.role, role(['x']), options, never)
      expect(made).toMatchObject({ rules: [{ resourceNames: ['x'] }] })
      expect(made.metadata.labels).toEqual({ a: 'b' })
      const other = await client.apply(resources.role, role(['y']), options, never)
      expect(other).toMatchObject({ rules: [{ resourceNames: ['y'] }] })
      expect(other.metadata.uid).toBe(made.metadata.uid)
    })

    test('lists in pages are of one version, by field and label', async () => {
      const { make, api, namespace, status } = await stage()
      for (const name of ['a', 'b', 'c']) await make(name)
      await status('b', { nodeName: 'here' })
      const path = pathOf(machine, { namespace })
      const list = async (query: Record<string, string>) =>
        (await api.send({ method: 'GET', path, query }, never)).body as List
      const first = await list({ limit: '2' })
      expect(first.items.map(({ metadata }) => metadata.name)).toEqual(['a', 'b'])
      await make('d')
      const rest = await list({ limit: '2', continue: first.metadata.continue ?? '' })
      expect(rest.items.map(({ metadata }) => metadata.name)).toEqual(['c'])
      expect(rest.metadata.resourceVersion).toBe(first.metadata.resourceVersion)
      expect((await list({ fieldSelector: 'status.nodeName=here' })).items).toHaveLength(1)
      expect((await list({ labelSelector: 'app=x' })).items).toHaveLength(0)
      const odd = await api.send({ method: 'GET', path, query: { fieldSelector: 'spec.vcpu=1' } }, never)
      expect(odd.status).toBe(400)
    })

    test('a watch sends what comes after its version; what leaves its selector leaves as DELETED', async () => {
      const { make, api, namespace, status, client, at } = await stage()
      const made = await make('a')
      const path = pathOf(machine, { namespace })
      const stop = new AbortController()
      const query = { resourceVersion: made.metadata.resourceVersion, watch: 'true' }
      const all = await follow(api, path, query, stop.signal)
      const mine = await follow(api, path, { ...query, fieldSelector: 'status.nodeName=here' }, stop.signal)
      await status('a', { nodeName: 'here' })
      await status('a', { nodeName: 'there' })
      await client.remove(machine, at('a'), null, never)
      expect(await all.next(3)).toEqual(['MODIFIED here', 'MODIFIED there', 'DELETED there'])
      expect(await mine.next(2)).toEqual(['ADDED here', 'DELETED here'])
      stop.abort(new Error('enough'))
    })

    test('a watch without a version begins with what is there', async () => {
      const { make, api, namespace } = await stage()
      await make('a')
      const stop = new AbortController()
      const watch = await follow(api, pathOf(machine, { namespace }), { watch: 'true' }, stop.signal)
      expect(await watch.next(1)).toEqual(['ADDED -'])
      await make('b')
      expect(await watch.next(1)).toEqual(['ADDED -'])
      stop.abort(new Error('enough'))
    })

    test('a Lease is replaced by who knows its version', async () => {
      const { client, namespace } = await stage()
      const lease = { ...head(resources.lease), metadata: { name: 'l', namespace }, spec: { holderIdentity: 'a' } }
      const made = await client.create(resources.lease, { namespace }, lease, never)
      const at = { namespace, name: 'l' }
      await client.replace(resources.lease, at, { ...made, spec: { holderIdentity: 'b' } }, never)
      expect(await refusal(client.replace(resources.lease, at, { ...made, spec: {} }, never))).toEqual([
        409,
        'Conflict',
      ])
      expect((await client.get(resources.lease, at, never))?.spec).toMatchObject({ holderIdentity: 'b' })
    })
  })
}

interface List {
  readonly items: readonly ApiObject[]
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string }
}

function machineOf(name: string, namespace: string) {
  return { ...head(machine), metadata: { name, namespace }, spec: { vcpu: 1, memory: '64Mi', image: { name: 'i' } } }
}

function ready(status: string) {
  return { type: 'Ready', status, reason: 'R', message: 'm', lastTransitionTime: '2026-01-01T00:00:00Z' }
}

function head({ apiVersion, kind }: Resource) {
  return { apiVersion, kind }
}

async function refusal(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise
  } catch (error) {
    return error instanceof ApiError ? [error.status, error.reason] : error
  }
}

/** Events of a watch, each with the node that its object names. */
async function follow(api: ApiServer, path: string, query: Record<string, string>, signal: AbortSignal) {
  const { events } = await api.watch({ method: 'GET', path, query }, signal)
  if (events === null) throw new Error('the watch was refused')
  const iterator = events[Symbol.asyncIterator]()
  return {
    async next(count: number): Promise<string[]> {
      const found: string[] = []
      while (found.length < count) {
        const { value } = (await iterator.next()) as { value: { type: string; object: ApiObject } }
        const { nodeName = '-' } = (value.object.status ?? {}) as { nodeName?: string }
        found.push(`${value.type} ${nodeName}`)
      }
      return found
    },
  }
}
