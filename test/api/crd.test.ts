import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { crdOf, type JsonSchema } from '../../src/api/crd.ts'
import { kustomizationFile, renderCrd, renderCrds, renderKustomization } from '../../src/api/crd-yaml.ts'
import { ourKinds } from '../../src/api/kinds.ts'

const FOLDER = join(import.meta.dirname, '../../crds')

interface Node {
  readonly path: string
  readonly schema: JsonSchema
}

/** Every node of a schema, with its path. */
function nodesOf(schema: JsonSchema, path: string): readonly Node[] {
  const properties = Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>)
  const inner = ['items', 'additionalProperties'].flatMap((key) => {
    const child = schema[key]
    return typeof child === 'object' ? nodesOf(child as JsonSchema, `${path}.${key}`) : []
  })
  return [{ path, schema }, ...properties.flatMap(([name, each]) => nodesOf(each, `${path}.${name}`)), ...inner]
}

function rootOf(crd: JsonSchema): JsonSchema {
  const { versions } = crd.spec as { versions: [{ schema: { openAPIV3Schema: JsonSchema } }] }
  return versions[0].schema.openAPIV3Schema
}

/** Nodes of spec and status of every kind; what is above them is the API server's own. */
const nodes = ourKinds().flatMap((kind) => {
  const { spec, status } = rootOf(crdOf(kind)).properties as Record<'spec' | 'status', JsonSchema>
  return [...nodesOf(spec, `${kind.kind}.spec`), ...nodesOf(status, `${kind.kind}.status`)]
})

function pathsWhere(wrong: (schema: JsonSchema, path: string) => boolean): readonly string[] {
  return nodes.filter(({ schema, path }) => wrong(schema, path)).map(({ path }) => path)
}

test('crds/ is what src/api makes (UPDATE=1 writes it)', () => {
  const wanted = new Map([...renderCrds(), [kustomizationFile, renderKustomization()]])
  if (process.env.UPDATE === '1') {
    mkdirSync(FOLDER, { recursive: true })
    for (const [name, text] of wanted) writeFileSync(join(FOLDER, name), text)
  }
  expect(readdirSync(FOLDER).sort()).toEqual([...wanted.keys()].sort())
  for (const [name, text] of wanted) expect(readFileSync(join(FOLDER, name), 'utf8'), name).toBe(text)
})

test('YAML 1.1 and 1.2 read the CRDs the same', () => {
  const texts = [...renderCrds().values()]
  const wanted = ourKinds().map((kind) => JSON.parse(JSON.stringify(crdOf(kind))))
  expect(texts.map((text) => parse(text, { version: '1.1' }))).toEqual(wanted)
  expect(texts.map((text) => parse(text, { version: '1.2' }))).toEqual(wanted)
})

test('words that YAML 1.1 reads as booleans are quoted', () => {
  for (const kind of ourKinds()) expect(renderCrd({ ...kind, description: 'yes' })).toContain('description: "yes"')
})

describe('what an API server takes', () => {
  test('there are nodes to look at', () => expect(nodes.length).toBeGreaterThan(150))

  test('no unions, references or nullable values', () => {
    const union = (schema: JsonSchema) =>
      ['$ref', 'oneOf', 'allOf', 'anyOf', 'nullable', 'not'].some((key) => key in schema)
    expect(pathsWhere((schema) => union(schema) && schema['x-kubernetes-int-or-string'] !== true)).toEqual([])
  })

  test('each node has a type, or is int-or-string in the one form that is taken', () => {
    const types = ['object', 'array', 'string', 'integer', 'boolean']
    const intOrString = JSON.stringify([{ type: 'integer' }, { type: 'string' }])
    const good = (schema: JsonSchema) =>
      schema['x-kubernetes-int-or-string'] === true
        ? JSON.stringify(schema.anyOf) === intOrString && schema.type === undefined
        : types.includes(schema.type as string)
    expect(pathsWhere((schema) => !good(schema))).toEqual([])
  })

  test('no additionalProperties beside properties, and never false', () => {
    const wrong = (schema: JsonSchema) =>
      'additionalProperties' in schema &&
      (schema.properties !== undefined || typeof schema.additionalProperties !== 'object')
    expect(pathsWhere(wrong)).toEqual([])
  })

  test('text, lists and maps are bounded', () => {
    const free = (schema: JsonSchema) =>
      (schema.type === 'string' && schema.enum === undefined && !Number.isInteger(schema.maxLength)) ||
      (schema['x-kubernetes-int-or-string'] === true && !Number.isInteger(schema.maxLength)) ||
      (schema.type === 'array' && !Number.isInteger(schema.maxItems)) ||
      (schema.additionalProperties !== undefined && !Number.isInteger(schema.maxProperties))
    expect(pathsWhere(free)).toEqual([])
  })

  test('lists say what they are: keyed, sets of scalars, or atomic', () => {
    const keysOf = (schema: JsonSchema) => (schema['x-kubernetes-list-map-keys'] ?? []) as string[]
    const wrong = (schema: JsonSchema) => {
      if (schema.type !== 'array') return false
      const item = schema.items as JsonSchema
      const kind = schema['x-kubernetes-list-type']
      if (kind === 'map') return !keysOf(schema).every((key) => (item.required as string[]).includes(key))
      return kind === 'set' ? item.type === 'object' : kind !== 'atomic'
    }
    expect(pathsWhere(wrong)).toEqual([])
  })

  test('integers have no bounds that only JavaScript has', () => {
    const limits = [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]
    expect(
      pathsWhere(({ minimum, maximum }) => limits.includes(minimum as number) || limits.includes(maximum as number)),
    ).toEqual([])
  })

  test('patterns have no lookaround and rules a message', () => {
    const rules = (schema: JsonSchema) =>
      (schema['x-kubernetes-validations'] ?? []) as { rule: string; message: string }[]
    expect(pathsWhere(({ pattern }) => /\(\?/.test(String(pattern)))).toEqual([])
    expect(
      pathsWhere((schema) => rules(schema).some(({ rule, message }) => !/self/.test(rule) || !/^must /.test(message))),
    ).toEqual([])
    expect(nodes.flatMap(({ schema }) => rules(schema)).length).toBeGreaterThan(12)
  })

  test('defaults are those that are part of the version', () => {
    const defaults = nodes.filter(({ schema }) => 'default' in schema).map(({ path, schema }) => [path, schema.default])
    expect(Object.fromEntries(defaults.filter(([path]) => !String(path).endsWith('.status')))).toEqual({
      'MicroVM.spec.stateTemplates.items.spec.deletionPolicy': 'Retain',
      'MicroVM.spec.interfaces.items.antiSpoof': true,
      'MicroVMNetwork.spec.isolation': {},
      'MicroVMNetwork.spec.isolation.betweenNetworks': 'Deny',
      'MicroVMNetwork.spec.isolation.sameNetwork': 'Allow',
      'MicroVMNetwork.spec.isolation.host': 'DHCPAndDNS',
      'MicroVMNetwork.spec.isolation.outbound': 'Allow',
      'MicroVMNetwork.spec.isolation.inbound': 'Deny',
      'MicroVMState.spec.deletionPolicy': 'Retain',
    })
    expect(defaults.filter(([path]) => String(path).endsWith('.status'))).toHaveLength(ourKinds().length)
  })

  test('metadata restricts the name and nothing else', () => {
    for (const kind of ourKinds()) {
      const { metadata } = rootOf(crdOf(kind)).properties as { metadata: JsonSchema }
      expect(Object.keys(metadata)).toEqual(['type', 'properties'])
      expect(Object.keys(metadata.properties as object)).toEqual(['name'])
    }
  })

  test('nothing of ours is left that a server does not know', () => {
    expect(pathsWhere((schema) => Object.keys(schema).some((key) => key.startsWith('x-moorage-')))).toEqual([])
  })
})

test('each field is described in at least a few letters, without a tab or a break', () => {
  const isField = (path: string) => !/[.](items|additionalProperties)$/.test(path)
  const poor = (schema: JsonSchema) => !/^[^\t\n]{5,}$/.test(String(schema.description ?? ''))
  expect(pathsWhere((schema, path) => isField(path) && poor(schema))).toEqual([])
})
