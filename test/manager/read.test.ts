import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ApiObject } from '../../src/kubernetes/resource.ts'
import { decide } from '../../src/manager/decide.ts'
import { type ClusterObjects, readCluster } from '../../src/manager/read.ts'
import { followed } from '../../src/manager/resources.ts'
import { hostStatus, live, machineSpec, start } from './scene.ts'

const names = ['a', 'b', 'net', 'debian', 'team', '']

/** Members that the manager reads, with values of any shape: some right, most not. */
const member = fc.constantFrom(
  ...[
    'vcpu',
    'memory',
    'image',
    'disks',
    'interfaces',
    'stateTemplates',
    'placement',
    'credentials',
    'vsock',
    'shares',
  ],
  ...['subnet', 'gateway', 'size', 'source', 'networks', 'images', 'quota', 'selector', 'maxUnavailable', 'microVM'],
  ...['ttlSeconds', 'uid', 'stateRef', 'taints', 'overcommit', 'nodeName', 'bindingEpoch', 'conditions', 'restart'],
  ...['machines', 'allocatable', 'hypervisors', 'architecture', 'phase', 'rollout', 'observedGeneration', 'name'],
)
const { value: broken } = fc.letrec<{ value: unknown }>((ref) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<unknown>(
      null,
      true,
      0,
      -1,
      1.5,
      1e20,
      '',
      'a',
      'net',
      'debian',
      '1Gi',
      '10.1.0.0/24',
      '10.1.0.2',
      'True',
    ),
    fc.array(ref('value'), { maxLength: 3 }),
    fc.dictionary(
      fc.oneof(member, fc.constantFrom('name', 'network', 'address', 'state', 'ephemeral', 'toString')),
      ref('value'),
      {
        maxKeys: 4,
      },
    ),
  ),
}))
const spoilt = fc.dictionary(member, broken, { maxKeys: 3 })

const object = fc.record({
  kind: fc.constantFrom(...Object.keys(followed)),
  name: fc.constantFrom('a', 'b', 'net', 'debian', 'team'),
  spec: fc.oneof(
    broken,
    spoilt.map((more) => ({ ...machineSpec(), ...more })),
  ),
  status: fc.oneof(
    broken,
    spoilt,
    spoilt.map((more) => ({ ...hostStatus(), ...more })),
  ),
  deleting: fc.boolean(),
})

test('whatever objects hold, a decision is made, and nothing is written twice', () => {
  fc.assert(
    fc.property(fc.array(object, { maxLength: 12 }), (drafts) => {
      const kinds = new Map<string, ApiObject[]>(Object.keys(followed).map((kind) => [kind, []]))
      const seen = new Set<string>()
      for (const [index, { kind, name, spec, status, deleting }] of drafts.entries()) {
        if (seen.has(`${kind}/${name}`)) continue
        seen.add(`${kind}/${name}`)
        const metadata = {
          ...{ name, uid: `uid-${index}`, resourceVersion: String(index) },
          ...(followed[kind as keyof ClusterObjects].namespaced && { namespace: 'team' }),
          ...(deleting && { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['moorage.dev/host'] }),
        }
        kinds.get(kind)?.push({ metadata, spec, status })
      }
      const cluster = readCluster(
        Object.fromEntries(kinds) as unknown as ClusterObjects,
        new Map(names.map((name) => [name, live])),
      )
      const { writes } = decide(cluster, start)
      expect(new Set(writes.map(({ ref }) => JSON.stringify(ref))).size).toBe(writes.length)
    }),
    { numRuns: Number(process.env.RUNS ?? 2000) },
  )
})
