import { describe, expect, test } from 'vitest'
import { parseManifest } from '../../src/api/manifest.ts'
import { asYaml } from '../../src/cli/yaml.ts'
import { openLedger } from '../../src/controller/ledger.ts'
import { pathsOf } from '../../src/controller/paths.ts'
import { parseJournal } from '../../src/host/machine/journal.ts'
import { parseMessage } from '../../src/host/qmp/message.ts'
import { openQmp } from '../../src/host/qmp/qmp.ts'
import { checked, decodeIndex } from '../../src/source/index-text.ts'
import type { Files } from '../../src/world/files.ts'
import { parseLinks } from '../../src/world/linux/net/ip-parse.ts'
import { parseListing } from '../../src/world/linux/net/nft-parse.ts'
import type { World } from '../../src/world/world.ts'
import { handClock, scripted } from '../host-qmp/scripted.ts'
import { root } from '../memory-host.ts'
import { effectsOf } from './effects.ts'
import * as samples from './samples.ts'

/* What the generators of this folder found, each by itself. */

const { signal } = new AbortController()
const head = (kind: string, name = 'a') => ({ apiVersion: 'moorage.dev/v1alpha1', kind, metadata: { name } })

function accepted(...values: readonly unknown[]) {
  return values.map((value) => {
    const [read] = parseManifest(JSON.stringify(value))
    if (!read?.object) throw new Error(JSON.stringify(read?.problems))
    return read.object
  })
}

const ground = [
  { ...head('MicroVMNetwork'), spec: { subnet: '10.1.0.0/24' } },
  { ...head('MicroVMImage'), spec: { architecture: 'amd64', source: { hostPath: { kernel: { path: '/boot/k' } } } } },
  { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' }, stringData: { k: 'v' }, data: { l: 'YQ==' } },
]
const vm = (more: object) => ({ ...head('MicroVM'), spec: { vcpu: 1, memory: '256Mi', image: { name: 'a' }, ...more } })

describe('names that every JavaScript object answers to', () => {
  test.each(['constructor', 'toString', '__proto__', 'valueOf'])(
    '%s as key of a Secret is a key that is not there',
    async (key) => {
      const credentials = { items: [{ name: 'a', source: { secretKeyRef: { name: 'a', key } } }] }
      const effects = await effectsOf(accepted(...ground, vm({ credentials })), signal)
      expect(effects).toMatchObject({ argvs: 2, faults: [] })
    },
  )

  test('constructor as interface gets an address', async () => {
    const interfaces = [{ name: 'constructor', network: { name: 'a' } }]
    expect(await effectsOf(accepted(...ground, vm({ interfaces })), signal)).toMatchObject({ argvs: 2, faults: [] })
  })

  test('toString as a member of kind is a problem', () => {
    const text = '{ apiVersion: moorage.dev/v1alpha1, kind: { toString: 1 }, metadata: { name: a } }'
    expect(parseManifest(text)[0]?.problems[0]?.message).toMatch('kind must be text')
  })
})

describe('manifests', () => {
  test('half a million line breaks in base64 before a wrong letter are read in no time', () => {
    const value = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' }, data: { k: `${'\n'.repeat(500_000)}!` } }
    const started = process.cpuUsage()
    expect(parseManifest(JSON.stringify(value))[0]?.problems).toHaveLength(1)
    expect(process.cpuUsage(started).user).toBeLessThan(1_000_000)
  })

  test('what a message quotes is in one line, and nothing in it is hidden or turns', () => {
    for (const bad of ['MicroVM\rX', 'a\u007fb', '\u202egnp', 'a\u0085b']) {
      const text = JSON.stringify({ ...head(bad), spec: { [bad]: bad } })
      for (const { message } of parseManifest(text)[0]!.problems)
        expect(message).not.toMatch(/[\0-\x1f\x7f-\x9f\u202e]/)
    }
  })

  test('as YAML they are taken again, whatever YAML 1.1 would read', () => {
    for (const restartToken of ['yes', 'n', 'off', '0b1', '012', '1_0', '0x1f', '1e3', '', '12:30:45']) {
      const [object] = accepted(vm({ restartToken }))
      expect(parseManifest(asYaml(object))[0]).toMatchObject({ object: { spec: { restartToken } }, problems: [] })
    }
  })
})

describe('replies', () => {
  test('an answer to the greeting is no version', async () => {
    const connection = scripted()
    const opening = openQmp(connection, handClock(), { event: () => {}, end: () => {} }, { timeout: 1000, signal })
    connection.say('{"return": {"not": "a version"}, "id": 0}\n')
    await expect(opening).rejects.toThrow('answered command 0, which was never sent')
  })

  test('members of the wrong type are none', () => {
    expect(parseMessage('{"error": {"class": {"toString": 1}}, "id": 1}')).toMatchObject({
      errorClass: 'it says nothing',
    })
    expect(parseMessage('{"event": "STOP", "timestamp": {"seconds": {"valueOf": 1}}}')).toMatchObject({
      event: { at: 0 },
    })
    expect(parseJournal('{"upTo": 1, "resets": "many"}')).toBeNull()
    expect(parseJournal('{"upTo": 1}')).toMatchObject({ resets: 0, upTo: 1 })
  })

  test('an address without a text or a length is none', () => {
    const bare = [{ ifindex: 2, addr_info: [{ family: 'inet', scope: '0' }] }]
    const links = parseLinks(`${JSON.stringify(samples.ipLinks)}\n${JSON.stringify(bare)}`)
    expect(links.map(({ addresses }) => addresses)).toEqual([[], [], []])
  })

  test.each([
    '{"set":null}',
    '{}',
    '{"rule":null}',
    '{"set":{"family":"inet","name":"masqueraded","elem":[{"prefix":null}]}}',
    '{"set":{"family":"bridge","name":"portMacs","elem":[{"concat":[{"toString":1}]}]}}',
  ])('nft with %s is no listing, in a sentence, or passes for a change by others', (item) => {
    const own = JSON.stringify(samples.nft[1]).replace('"nftables":[', `"nftables":[${item},`)
    const read = () =>
      parseListing(root, [JSON.stringify(samples.nft[0]), own, JSON.stringify(samples.nftChains)].join('\n'))
    expect(read).toThrow('no listing in JSON')
  })
})

describe('records', () => {
  const filesOf = (name: string, text: string) =>
    ({
      read: async () => Buffer.from(text),
      list: async () => [{ name, type: 'file' }],
      makeDirectory: async () => {},
      sync: async () => {},
    }) as unknown as Files
  const ledgerOf = (name: string, text: string) =>
    openLedger({ files: filesOf(name, text) } as World, pathsOf('/r'), root)

  test('of the ledger that are none count as lost, and are told', async () => {
    const { current, problems } = await ledgerOf('u.json', '{"version":1,"user":"root"}')
    expect(current.machines).toEqual({})
    expect(problems[0]).toMatch(/u\.json: not such a record, counts as lost$/)
    expect((await ledgerOf('u.json', '{"version":2}')).problems[0]).toMatch('a newer version (2)')
    const named = await ledgerOf('__proto__.json', JSON.stringify(samples.record))
    expect(Object.getPrototypeOf(named.current.machines)).toBe(Object.prototype)
  })

  test('of an index that are none are damaged, also behind a right checksum', () => {
    for (const bad of ['null', '7', '[]', '{', '{"key":"a"}', '{"key":"a","stored":"../x"}']) {
      expect(decodeIndex([checked(bad), checked(bad)].join('\n'))).toMatchObject({ damaged: [1, 2] })
    }
  })
})
