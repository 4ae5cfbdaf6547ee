import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkObject } from '../../src/api/check.ts'
import { parseManifest } from '../../src/api/manifest.ts'

const STATE = `apiVersion: moorage.dev/v1alpha1
kind: MicroVMState
metadata: { name: home }
spec: { size: 1Gi }
`

const home = {
  apiVersion: 'moorage.dev/v1alpha1',
  kind: 'MicroVMState',
  metadata: { name: 'home', namespace: 'default' },
  spec: { size: '1Gi', deletionPolicy: 'Retain' },
}

describe('good manifests', () => {
  test('one object, with the defaults of the version, its reference and its lines', () => {
    expect(parseManifest(`\n# a state\n${STATE}\n\n`)).toEqual([
      {
        object: home,
        ref: { kind: 'MicroVMState', namespace: 'default', name: 'home' },
        problems: [],
        lines: { first: 3, last: 6 },
      },
    ])
  })

  test('nothing, blanks, comments and separators are no objects', () => {
    for (const text of ['', '\n\n', '# only a comment\n', '---\n---\n', '--- # a\n...\n---\n', '\uFEFF', 'null', '~']) {
      expect(parseManifest(text), JSON.stringify(text)).toEqual([])
    }
  })

  test('several documents keep their order and lines; one that is bad harms no other', () => {
    const read = parseManifest(`${STATE}---\n${STATE.replace('1Gi', 'big')}---\n${STATE.replace('home', 'work')}`)
    expect(read.map(({ object }) => object?.metadata.name)).toEqual(['home', undefined, 'work'])
    expect(read.map(({ lines }) => lines)).toEqual([
      { first: 1, last: 4 },
      { first: 6, last: 9 },
      { first: 11, last: 14 },
    ])
    expect(read[1]?.ref).toEqual({ kind: 'MicroVMState', namespace: 'default', name: 'home' })
    expect(read[1]?.problems).toMatchObject([{ line: 9, column: 15, path: 'spec.size' }])
  })

  test('a document with broken syntax harms no other', () => {
    const read = parseManifest(`${STATE}---\na: b: c\n---\n${STATE}`)
    expect(read.map(({ object, problems }) => [object?.kind, problems.length > 0])).toEqual([
      ['MicroVMState', false],
      [undefined, true],
      ['MicroVMState', false],
    ])
  })

  test('JSON, also with tabs', () => {
    const text = JSON.stringify({ ...home, metadata: { name: 'home' } }, null, '\t')
    expect(parseManifest(text)).toMatchObject([{ object: home, problems: [] }])
  })

  test('CRLF', () => {
    expect(parseManifest(STATE.replaceAll('\n', '\r\n'))).toMatchObject([
      { object: home, lines: { first: 1, last: 4 } },
    ])
  })

  test('a List is its items, each with its own lines and problems', () => {
    const item = (name: string) => `- ${STATE.replace('home', name).trimEnd().replaceAll('\n', '\n  ')}\n`
    const text = `apiVersion: v1\nkind: List\nmetadata: { resourceVersion: "" }\nitems:\n${item('a')}${item('B')}${item('c')}`
    const read = parseManifest(text)
    expect(read.map(({ object }) => object?.metadata.name)).toEqual(['a', undefined, 'c'])
    expect(read.map(({ lines }) => lines.first)).toEqual([5, 9, 13])
    expect(read[1]?.problems).toMatchObject([{ line: 11, column: 21, path: 'items[1].metadata.name' }])
    expect(parseManifest('apiVersion: v1\nkind: List\nitems: []')).toEqual([])
  })

  test('what kubectl adds to an object is left out', () => {
    const pasted = `apiVersion: moorage.dev/v1alpha1
kind: MicroVMState
metadata:
  annotations: { note: kept }
  creationTimestamp: "2026-01-01T00:00:00Z"
  deletionTimestamp: null
  finalizers: [ moorage.dev/host ]
  generation: 3
  managedFields: [ { manager: kubectl } ]
  generateName: a-
  name: home
  namespace: default
  ownerReferences: [ { uid: x } ]
  resourceVersion: "42"
  uid: 6f1c1d2e-0000-4000-8000-000000000000
spec: { size: 1Gi }
status: { phase: Bound, later: { things: 1 } }
`
    const metadata = { ...home.metadata, annotations: { note: 'kept' } }
    expect(parseManifest(pasted)).toMatchObject([{ object: { ...home, metadata }, problems: [] }])
    expect(Object.keys(parseManifest(pasted)[0]?.object?.metadata ?? {})).toEqual(['name', 'annotations', 'namespace'])
    expect(parseManifest(pasted)[0]?.object).not.toHaveProperty('status')
  })

  test('anchors and aliases work, and problems behind them point at the anchor', () => {
    const text = (size: string) => `${STATE.replace('{ size: 1Gi }', `&s { size: ${size} }`)}---\n${STATE}`
    expect(parseManifest(text('2Gi'))).toMatchObject([{ object: { spec: { size: '2Gi' } } }, { object: home }])
    const shared = 'apiVersion: v1\nkind: Secret\nmetadata: { name: a, labels: { a: &a "-", b: *a } }\n'
    expect(parseManifest(shared)[0]?.problems).toMatchObject([
      { line: 3, path: 'metadata.labels.a' },
      { line: 3, path: 'metadata.labels.b' },
    ])
  })

  test('numbers that both versions of YAML read the same are numbers', () => {
    const operation = (number: string) => `apiVersion: moorage.dev/v1alpha1
kind: MicroVMOperation
metadata: { name: again }
spec: { type: Stop, microVM: { name: a }, ttlSeconds: ${number} }`
    for (const number of ['60', '0x3c', '6e1', '60.0', '+60']) {
      expect(parseManifest(operation(number)), number).toMatchObject([{ object: { spec: { ttlSeconds: 60 } } }])
    }
  })

  test('what YAML 1.1 also reads as a number or text stays so', () => {
    const data = (value: string) =>
      parseManifest(`apiVersion: v1\nkind: Secret\nmetadata: { name: a }\nstringData: { a: ${value} }`)
    for (const value of [
      'yesterday',
      'nope',
      '0.5.0',
      '1_a',
      '02:00:00:00:00:01',
      '2026-01-01',
      '"yes"',
      "'0755'",
      '!!str 0755',
    ]) {
      expect(data(value)[0]?.problems, value).toEqual([])
    }
  })
})

describe('a checked object', () => {
  test('keeps what a server set, and status loosely', () => {
    const object = {
      ...home,
      metadata: { ...home.metadata, uid: 'u1', generation: 2 },
      status: { phase: 'Bound', newer: [1] },
    }
    expect(checkObject(object)).toEqual({ object })
  })

  test('told of at most fifty faults', () => {
    const fields = Object.fromEntries(Array.from({ length: 80 }, (_, index) => [`f${index}`, 1]))
    const checked = checkObject({ ...home, spec: { ...home.spec, ...fields } })
    const faults = 'faults' in checked ? checked.faults : []
    expect(faults).toHaveLength(51)
    expect(faults.at(-1)?.message).toBe('30 more problems in this document are not shown')
  })
})

describe('any input', () => {
  const pieces = [
    ...'[]{},:-?&*!|>%@#"\'\\\n\t~<'.split(''),
    ...[
      '  ',
      ': ',
      '- ',
      '---\n',
      '...\n',
      '&a ',
      '*a',
      '<<: ',
      '!!str ',
      '!x ',
      'a',
      'yes',
      '0x1',
      'null',
      '__proto__',
      '\u0000',
      '\uFEFF',
      '\uD800',
    ],
    ...[
      'apiVersion: moorage.dev/v1alpha1\n',
      'kind: MicroVM\n',
      'kind: List\n',
      'items:\n',
      'metadata: ',
      'spec:\n',
      '  vcpu: ',
    ],
  ]
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.array(fc.constantFrom(...pieces), { maxLength: 60 }).map((parts) => parts.join('')),
  )
  const mutated = fc
    .tuple(fc.nat(STATE.length), fc.nat(10), fc.constantFrom(...pieces))
    .map(([at, cut, put]) => STATE.slice(0, at) + put + STATE.slice(at + cut))

  test('gives an object or problems within the text, and never throws', () => {
    fc.assert(
      fc.property(fc.oneof(text, mutated), (input) => {
        const last = input.split(/\n/).length
        for (const { object, problems, lines } of parseManifest(input)) {
          expect(object === undefined).toBe(problems.length > 0)
          expect(1 <= lines.first && lines.first <= lines.last && lines.last <= last).toBe(true)
          for (const { line, column, message } of problems) {
            expect(1 <= line && line <= last && column >= 1 && message.length > 0 && !message.includes('\n')).toBe(true)
          }
        }
      }),
      { numRuns: 5000 },
    )
  })

  test('any plain data is an object or has faults', () => {
    const spec = fc.record(
      { vcpu: fc.anything(), memory: fc.anything(), disks: fc.anything(), interfaces: fc.array(fc.anything()) },
      { requiredKeys: [] },
    )
    const value = fc.oneof(
      fc.anything(),
      fc.record({
        apiVersion: fc.constant('moorage.dev/v1alpha1'),
        kind: fc.constant('MicroVM'),
        metadata: fc.anything(),
        spec: fc.oneof(spec, fc.anything()),
      }),
    )
    fc.assert(
      fc.property(value, (each) => void checkObject(each)),
      { numRuns: 2000 },
    )
  })
})
