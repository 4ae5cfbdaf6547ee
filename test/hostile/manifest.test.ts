import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test } from 'vitest'
import { type AnyObject, KINDS } from '../../src/api/kinds.ts'
import { parseManifest } from '../../src/api/manifest.ts'
import { asYaml } from '../../src/cli/yaml.ts'
import { type Chance, chance, seed, tell, times } from './chance.ts'
import { type Coverage, coverage } from './coverage.ts'
import { type Effects, effectsOf } from './effects.ts'
import { mutate, mutateBytes } from './mutate.ts'
import { pristine } from './pristine.ts'
import { render } from './render.ts'
import { poisons } from './strings.ts'
import { validObject } from './valid.ts'

const { signal } = new AbortController()

/** What a text broke, and what of it was accepted. */
interface Judged {
  readonly accepted: readonly AnyObject[]
  readonly faults: readonly string[]
}

function judge(text: string, isPristine: () => boolean): Judged {
  const faults: string[] = []
  const hold = (holds: boolean, law: string) => void (holds || faults.push(law))
  const started = process.cpuUsage()
  const read = parsed(text, faults)
  const { user, system } = process.cpuUsage(started)
  hold(user + system < 1_000_000, `took ${(user + system) / 1000} ms for ${text.length} characters`)
  hold(isPristine(), 'a prototype was changed')
  for (const { object, problems, lines } of read) {
    hold((object === undefined) === problems.length > 0, 'neither an object nor a problem, or both')
    hold(lines.first >= 1 && lines.last >= lines.first, `lines ${lines.first} to ${lines.last}`)
    for (const { line, column, path, message } of problems) {
      hold(line >= 1 && column >= 1, `problem at ${line}:${column}`)
      hold(
        message.length < 4000 && !/[\0-\x1f\x7f]/.test(path + message),
        `is no line of text: ${JSON.stringify(message)}`,
      )
    }
  }
  return { accepted: read.flatMap(({ object }) => object ?? []), faults }
}

function parsed(text: string, faults: string[]): ReturnType<typeof parseManifest> {
  try {
    return parseManifest(text)
  } catch (error) {
    faults.push(briefly(error as Error))
    return []
  }
}

/** What an accepted object broke when it was written and read again. */
function again(object: AnyObject): readonly string[] {
  return [JSON.stringify(object), asYaml(object)].flatMap((text) => {
    const [read, ...more] = parseManifest(text)
    const same = more.length === 0 && isDeepStrictEqual(plain(read?.object), plain(object))
    return same ? [] : [`is another object when read again: ${read?.problems[0]?.message ?? 'it differs'}`]
  })
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null))

/** Several objects that may speak of one another and of {@link ground}; most are valid. */
function scene(from: Chance, broken: boolean): readonly unknown[] {
  const objects = Array.from({ length: 1 + from.int(4) }, () => {
    const object = validObject(from.once(2) ? KINDS[0]! : from.pick(KINDS), from)
    return broken && from.once(2) ? mutate(object, from) : object
  })
  return objects
}

const apiVersion = 'moorage.dev/v1alpha1'

/** What VMs may name, as it is accepted. */
const ground = ['a', 'b', 'constructor']
  .flatMap((name, at) => [
    { apiVersion, kind: 'MicroVMNetwork', metadata: { name }, spec: { subnet: `10.${at + 1}.0.0/24`, nat: true } },
    {
      apiVersion,
      kind: 'MicroVMImage',
      metadata: { name },
      spec: {
        architecture: 'amd64',
        cmdline: 'a=b,c',
        source: { hostPath: { kernel: { path: '/boot/k,x=y' }, root: { path: '/boot/r,x=y;"', format: 'raw' } } },
      },
    },
    { apiVersion, kind: 'MicroVMState', metadata: { name }, spec: { size: '1Gi' } },
    { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: { k: 'v,w' } },
  ])
  .flatMap((value) => parseManifest(JSON.stringify(value))[0]?.object ?? [])

/** What a campaign found, and what it counted. */
interface Campaign {
  readonly broken: ReadonlyMap<string, string>
  readonly counts: Record<string, number>
}

/** Judges so many inputs. With a guide, those that reach new code are kept and changed on; `corpus` is given and grows. */
async function campaign(inputs: number, from: Chance, corpus: Uint8Array[], guide?: Coverage): Promise<Campaign> {
  const isPristine = pristine()
  const broken = new Map<string, string>()
  const counts = { inputs, accepted: 0, refused: 0, argvs: 0, lines: 0, elements: 0 }
  const note = (faults: readonly string[], text: string): void => {
    for (const fault of faults) if (broken.size < 10 && !broken.has(fault)) broken.set(fault, text.slice(0, 2000))
  }
  for (let left = inputs; left > 0; left -= 1) {
    const bytes = corpus.length > 20 && from.once(2) ? mutateBytes(from.pick(corpus), from) : rendered(from)
    const text = new TextDecoder().decode(bytes)
    const { accepted, faults } = judge(text, isPristine)
    note(faults, text)
    if (guide?.news() && bytes.length < 10_000) corpus.push(bytes)
    counts.accepted += accepted.length
    counts.refused += accepted.length === 0 ? 1 : 0
    if (left % 4 === 0) note(accepted.flatMap(again), text)
    const effects = await effectsOf([...ground, ...accepted], signal).catch(failed)
    note(effects.faults, text)
    counts.argvs += effects.argvs
    counts.lines += effects.lines
    counts.elements += effects.elements
  }
  return { broken, counts }
}

const rendered = (from: Chance): Uint8Array => Buffer.from(render(scene(from, !from.once(3)), from))

/** An error and where it came from, without what varies. */
const briefly = ({ stack = '' }: Error): string => `throws ${stack.split('\n').slice(0, 4).join(' ')}`

const failed = (error: Error): Effects => ({ argvs: 0, lines: 0, elements: 0, faults: [briefly(error)] })

describe('hostile manifests', () => {
  test('are problems, and what is accepted reaches QEMU, ip and nft as what it is', { timeout: 600_000 }, async () => {
    const corpus: Uint8Array[] = []
    const guide = coverage('/src/api/')
    const guided = await campaign(times(200), chance(seed), corpus, guide)
    guide.stop()
    tell('manifests, guided by coverage', { ...guided.counts, kept: corpus.length, blocks: guide.blocks })
    const { broken, counts } = await campaign(times(1000), chance(seed + 1), corpus)
    tell('manifests', counts)
    expect([...guided.broken, ...broken]).toEqual([])
    expect(counts.accepted).toBeGreaterThan(counts.inputs! / 2)
    for (const said of [counts.argvs, counts.lines, counts.elements]) expect(said).toBeGreaterThan(counts.inputs! / 8)
  })

  test('with each poison in each field that reaches the host: refused, or harmless', { timeout: 600_000 }, async () => {
    const isPristine = pristine()
    const broken = new Map<string, string>()
    const counts = { inputs: 0, accepted: 0, argvs: 0, lines: 0, elements: 0 }
    for (const field of fields) {
      for (const poison of poisons) {
        const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: field(poison) })
        const { accepted, faults } = judge(text, isPristine)
        const effects = await effectsOf(accepted, signal).catch(failed)
        const reread = counts.inputs % 4 === 0 ? accepted.flatMap(again) : []
        for (const fault of [...faults, ...effects.faults, ...reread]) broken.set(fault, text)
        counts.inputs += 1
        counts.accepted += accepted.length
        for (const each of ['argvs', 'lines', 'elements'] as const) counts[each] += effects[each]
      }
    }
    tell('fields', counts)
    expect([...broken].slice(0, 10)).toEqual([])
    expect(counts.argvs).toBeGreaterThan(counts.inputs / 4)
  })
})

const imageSpec = (path: string, cmdline = '') => ({
  architecture: 'amd64',
  cmdline,
  source: { hostPath: { kernel: { path }, initrd: { path }, root: { path, format: 'raw' } } },
})

/** A world of three objects, each with one text of a stranger in it. */
const fields: readonly ((poison: string) => readonly unknown[])[] = [
  (tap) => worldOf({ nic: { tap } }),
  (mac) => worldOf({ nic: { mac } }),
  (mac) => worldOf({ nic: { mac: `02:00:00:00:00:0${mac}` } }),
  (address) => worldOf({ nic: { address } }),
  (address) => worldOf({ nic: { address: `10.1.0.7${address}` } }),
  (name) => worldOf({ nic: { name } }),
  (bridge) => worldOf({ network: { bridge } }),
  (bridge) => worldOf({ network: { bridge: `br${bridge}` } }),
  (gateway) => worldOf({ network: { gateway: `10.1.0.9${gateway}` } }),
  (subnet) => worldOf({ network: { subnet: `10.1.0.0/24${subnet}` } }),
  (path) => worldOf({ image: imageSpec(`/boot/${path}`) }),
  (path) => worldOf({ image: imageSpec(path) }),
  (cmdline) => worldOf({ image: imageSpec('/boot/k', cmdline) }),
  (hostname) => worldOf({ vm: { guest: { hostname } } }),
  (name) => worldOf({ vm: { disks: [{ name, ephemeral: { size: '1Mi' } }] } }),
  (name) => worldOf({ vm: { credentials: { items: [{ name, source: { value: name } }] } } }),
  (prefix) =>
    worldOf({
      vm: { qemu: { machine: 'microvm' }, credentials: { prefix, items: [{ name: 'a', source: { value: 'a' } }] } },
    }),
  (text) => worldOf({ vm: { oemStrings: [text], restartToken: text } }),
  (name) => worldOf({ meta: { name } }),
  (namespace) => worldOf({ meta: { namespace } }),
]

interface Strange {
  readonly nic?: object
  readonly network?: object
  readonly image?: object
  readonly vm?: object
  readonly meta?: object
}

function worldOf({ nic, network, image, vm, meta }: Strange): readonly unknown[] {
  const interfaces = [{ name: 'n', network: { name: 'a' }, ...nic }]
  return [
    {
      apiVersion,
      kind: 'MicroVMNetwork',
      metadata: { name: 'a' },
      spec: { subnet: '10.1.0.0/24', nat: true, ...network },
    },
    { apiVersion, kind: 'MicroVMImage', metadata: { name: 'a' }, spec: image ?? imageSpec('/boot/k') },
    {
      apiVersion,
      kind: 'MicroVM',
      metadata: { name: 'a', ...meta },
      spec: { vcpu: 1, memory: '64Mi', image: { name: 'a' }, interfaces, ...vm },
    },
  ]
}
