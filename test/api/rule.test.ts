import { describe, expect, test } from 'vitest'
import { checkObject } from '../../src/api/check.ts'
import { crdOf, type JsonSchema } from '../../src/api/crd.ts'
import { ourKinds } from '../../src/api/kinds.ts'

const vm = (spec: object) => ['MicroVM', { vcpu: 1, memory: '64Mi', image: { name: 'a' }, ...spec }] as const
const disk = (name: string, state?: string) => ({
  name,
  ...(state ? { state: { name: state } } : { ephemeral: { size: '1Gi' } }),
})
const nic = (fields: object) => vm({ interfaces: [{ name: 'eth0', network: { name: 'a' }, ...fields }] })
const credential = (source: object) => vm({ credentials: { items: [{ name: 'a', source }] } })
const template = (name: string) => ({ stateTemplates: [{ disk: name, spec: { size: '1Gi' } }] })
const state = (spec: object) => ['MicroVMState', { size: '1Gi', ...spec }] as const

type Row = readonly [
  cel: RegExp,
  good: readonly (readonly [string, object])[],
  bad: readonly (readonly [string, object])[],
]

/** For each CEL rule, what keeps it and what breaks it; the function beside it must say the same. */
const RULES: readonly Row[] = [
  [/self[.]state\)/, [vm({ disks: [disk('a', 's')] }), vm({ disks: [disk('a')] })], [vm({ disks: [{ name: 'a' }] })]],
  [
    /self[.]stateTemplates[.]all/,
    [vm({ disks: [disk('a', 's')], ...template('a') })],
    [vm(template('a')), vm({ disks: [disk('a')], ...template('a') })],
  ],
  [
    /exists_one/,
    [vm({ disks: [disk('a', 's'), disk('b', 't'), disk('c')] })],
    [vm({ disks: [disk('a', 's'), disk('b', 's')] })],
  ],
  [
    /self[.]secretKeyRef/,
    [credential({ value: '' }), credential({ file: { path: '/a' } })],
    [credential({}), credential({ value: '', file: { path: '/a' } })],
  ],
  [
    /self[.]vsockNotify/,
    [vm({ readiness: { vsockNotify: {} } })],
    [vm({ readiness: {} }), vm({ readiness: { vsockNotify: {}, tcpSocket: { port: 1 } } })],
  ],
  [
    /has\(self[.]hostPath\)/,
    [['MicroVMImage', { architecture: 'amd64', source: { hostPath: { kernel: { path: '/k' } } } }]],
    [['MicroVMImage', { architecture: 'amd64', source: {} }]],
  ],
  [/'default', 'lo'/, [nic({ tap: 'lo0' })], [nic({ tap: 'lo' }), nic({ tap: 'all' }), nic({ tap: 'default' })]],
  [/00:00:00/, [nic({ mac: '00:00:00:00:00:01' })], [nic({ mac: '00:00:00:00:00:00' })]],
  [
    /endsWith/,
    [credential({ file: { path: '/a/..b/c..' } })],
    [credential({ file: { path: '/a/../b' } }), credential({ file: { path: '/..' } })],
  ],
  [
    /169[.]254/,
    [
      ['MicroVMNetwork', { subnet: '169.253.0.0/16' }],
      ['MicroVMNetwork', { subnet: '223.0.0.0/8' }],
    ],
    ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/8', '255.0.0.0/8'].map(
      (subnet) => ['MicroVMNetwork', { subnet }] as const,
    ),
  ],
  [
    /'none'/,
    [state({ fsType: 'none' }), state({ fsType: 'ext4', label: 'a' }), state({ label: 'a' })],
    [state({ fsType: 'none', label: 'a' })],
  ],
  [
    /'xfs'/,
    [state({ fsType: 'xfs', label: 'a'.repeat(12) }), state({ fsType: 'ext4', label: 'a'.repeat(13) })],
    [state({ fsType: 'xfs', label: 'a'.repeat(13) })],
  ],
]

function rulesIn(schema: JsonSchema): readonly { rule: string; message: string }[] {
  const own = (schema['x-kubernetes-validations'] ?? []) as { rule: string; message: string }[]
  const inner = [...Object.values((schema.properties ?? {}) as object), ...(schema.items ? [schema.items] : [])]
  return [...own, ...inner.flatMap((each) => rulesIn(each as JsonSchema))]
}

const cel = ourKinds().flatMap((kind) => {
  const { versions } = crdOf(kind).spec as { versions: [{ schema: { openAPIV3Schema: JsonSchema } }] }
  return rulesIn(versions[0].schema.openAPIV3Schema)
})

function messages([kind, spec]: readonly [string, object]): readonly string[] {
  const checked = checkObject({ apiVersion: 'moorage.dev/v1alpha1', kind, metadata: { name: 'a' }, spec })
  return 'faults' in checked ? checked.faults.map(({ message }) => message) : []
}

describe('rules', () => {
  for (const [pattern, good, bad] of RULES) {
    test(String(pattern), () => {
      const rule = cel.find((each) => pattern.test(each.rule))
      expect(rule, 'the rule is in a CRD').toBeDefined()
      for (const each of good) expect(messages(each), JSON.stringify(each)).toEqual([])
      for (const each of bad) expect(messages(each).join(), JSON.stringify(each)).toContain(rule?.message)
    })
  }

  test('each rule of the CRDs has its row', () => {
    const without = cel.filter(({ rule }) => RULES.filter(([pattern]) => pattern.test(rule)).length !== 1)
    expect([...new Set(without.map(({ rule }) => rule))]).toEqual([])
  })
})
