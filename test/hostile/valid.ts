import fc from 'fast-check'
import { jsonSchemaOf } from '../../src/api/crd.ts'
import { KINDS, type Kind } from '../../src/api/kinds.ts'
import type { Schema } from '../sim/fields/schema.ts'
import type { Chance } from './chance.ts'

const schemas = new Map(KINDS.map((kind) => [kind.kind, jsonSchemaOf(kind.schema, 'draft-7') as Schema]))

/** Few names, so that references meet what they name, and one that every JavaScript object seems to have. */
const names = ['a', 'a', 'a', 'b', 'b', 'constructor', '0', 'x-1']

/** Rules between fields are in no schema: what keeps them, by name of the field. */
const known: Readonly<Record<string, readonly unknown[]>> = {
  name: names,
  disk: names,
  namespace: ['default', 'default', 'b'],
  volume: names,
  memory: ['16Mi', '512Mi', '1.5Gi', 1e9],
  size: ['1Mi', '64Gi', '1e9'],
  capacity: ['1Gi'],
  subnet: ['10.1.0.0/24', '10.2.0.0/16', '192.168.4.0/30'],
  gateway: ['10.1.0.9', '10.2.3.4', '192.168.4.2'],
  mac: ['02:00:00:00:00:01', 'AE:00:00:00:0f:02', '02:aB:cD:eF:00:01'],
  tap: ['vm-a', 'T_a.p-0', 'if7', 'dev', 'up'],
  bridge: ['br-a', 'master', 'a.b_c-d'],
  data: [{ constructor: 'YQ==', k: 'YQ==' }],
  stringData: [{ k: 'a,b\nc', 'k.2': '' }],
  key: ['k', 'constructor', 'toString', '__proto__', 'nothing'],
  path: ['/var/lib/moorage/images/k', '/var/lib/moorage/images/a,b=c', '/run/secrets/a', '/nix/store/\u202ex;"$*'],
  cmdline: ['quiet', 'a=b,c "d" {e} $f', '-x'],
  hypervisor: ['qemu'],
  nodeName: ['host-a'],
}

/** A valid object of a kind, nearly always: chance may break a rule between fields. */
export function validObject(kind: Kind, chance: Chance): unknown {
  return build(schemas.get(kind.kind)!, '', chance)
}

function build(node: Schema, name: string, chance: Chance): unknown {
  const choices = known[name]
  if (choices !== undefined && node.const === undefined && !(node.properties && name !== 'data')) {
    return structuredClone(chance.pick(choices))
  }
  if (node.const !== undefined) return node.const
  if (node.enum) return chance.pick(node.enum)
  if (node.anyOf) return build(chance.pick(node.anyOf), name, chance)
  if (node.type === 'array') return list(node, chance)
  if (node.type === 'object') return node.propertyNames ? map(node, chance) : object(node, chance)
  if (node.type === 'string') return text(node, chance)
  if (node.type === 'boolean') return chance.once(2)
  if (node.type === 'null') return null
  return number(node, chance)
}

function object({ properties = {}, required = [], ...node }: Schema, chance: Chance): Record<string, unknown> {
  const union = node['x-moorage-one-of'] ?? []
  const taken = union.length > 0 ? chance.pick(union) : ''
  const made: Record<string, unknown> = {}
  for (const [name, inner] of Object.entries(properties)) {
    if (unsupported.has(name) && !chance.once(16)) continue
    const wanted = union.includes(name) ? name === taken : required.includes(name) || chance.once(3)
    if (wanted) made[name] = build(inner, name, chance)
  }
  return made
}

/** Accepted, and then refused by the resolver: seldom, so that most is resolved. */
const unsupported = new Set(['status', 'shares', 'vsock', 'vsockNotify', 'stateTemplates', 'nodeSelector', 'address'])

function list({ items = {}, maxItems = 4, ...node }: Schema, chance: Chance): unknown[] {
  const length = chance.once(40) ? maxItems : chance.int(Math.min(maxItems, 3) + 1)
  const made = Array.from({ length }, () => build(items, '', chance))
  const keys = node['x-kubernetes-list-map-keys'] ?? []
  const seen = new Set<string>()
  return made.filter((entry) => {
    const own = JSON.stringify(keys.map((key) => (entry as Record<string, unknown>)[key]))
    return keys.length === 0 || (!seen.has(own) && seen.add(own))
  })
}

function map({ propertyNames = {}, additionalProperties }: Schema, chance: Chance): Record<string, unknown> {
  const inner = typeof additionalProperties === 'object' ? additionalProperties : {}
  const entries = Array.from({ length: chance.int(3) }, () => [text(propertyNames, chance), build(inner, '', chance)])
  return Object.fromEntries(entries)
}

const pools = new Map<string, readonly string[]>()

/** Strings of a pattern are drawn once; drawing costs more than parsing. */
function text({ pattern = '', maxLength = 64 }: Schema, chance: Chance): string {
  let pool = pools.get(pattern)
  if (pool === undefined) {
    const drawn = fc.stringMatching(new RegExp(pattern), { size: '-1' })
    pool = fc.sample(drawn, { numRuns: 24, seed: 7 })
    pools.set(pattern, pool)
  }
  const fit = pool.filter((each) => each.length <= maxLength)
  return fit.length === 0 ? 'a' : chance.pick(fit)
}

function number({ minimum = 0, maximum = 100 }: Schema, chance: Chance): number {
  return chance.pick([
    minimum,
    maximum,
    Math.min(maximum, Math.max(minimum, 1)),
    minimum + chance.int(Math.min(maximum - minimum, 1000) + 1),
  ])
}
