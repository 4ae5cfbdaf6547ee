import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { setCondition } from '../../src/api/conditions.ts'
import { triedFeatures } from '../../src/cli/features.ts'
import { openLedger } from '../../src/controller/ledger.ts'
import { pathsOf } from '../../src/controller/paths.ts'
import { openStatuses } from '../../src/controller/report.ts'
import { type Journal, parseJournal, readJournal } from '../../src/host/machine/journal.ts'
import { readMachineFile } from '../../src/host/machine/record.ts'
import { lines } from '../../src/host/qmp/lines.ts'
import { parseMessage } from '../../src/host/qmp/message.ts'
import { openQmp } from '../../src/host/qmp/qmp.ts'
import { readRecord } from '../../src/host/volume-record.ts'
import { checked, decodeIndex } from '../../src/source/index-text.ts'
import type { Files } from '../../src/world/files.ts'
import { readFailures } from '../../src/world/linux/net/ip-failures.ts'
import { parseDetails, parseLinks } from '../../src/world/linux/net/ip-parse.ts'
import { parseListing } from '../../src/world/linux/net/nft-parse.ts'
import type { World } from '../../src/world/world.ts'
import { handClock, scripted } from '../host-qmp/scripted.ts'
import { root } from '../memory-host.ts'
import { chance, seed, tell, times } from './chance.ts'
import { pristine } from './pristine.ts'
import { hostileReply, isSentence } from './replies.ts'
import * as samples from './samples.ts'

const isPristine = pristine()

interface Reader<T> {
  readonly name: string
  readonly samples: readonly unknown[]
  /** null: unreadable, and said so by its absence. A throw has to be a sentence. */
  read(bytes: Uint8Array): T | null | Promise<T | null>
  /** Whether what was read has the type that it claims. */
  holds(value: T): boolean
  /** It makes something of everything. */
  readonly total?: true
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
/** Words are given as JSON too; spoiled, they are taken as they are. */
function said(bytes: Uint8Array): string {
  try {
    return String(JSON.parse(text(bytes)))
  } catch {
    return text(bytes)
  }
}

const isText = (value: unknown): value is string => typeof value === 'string'
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)
const orNull = (is: (value: unknown) => boolean) => (value: unknown) => value === null || is(value)
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText)

/** Every file holds these bytes. */
const filesOf = (bytes: Uint8Array, name = 'a.json'): Files =>
  ({
    read: async () => bytes,
    stat: async () => ({
      type: 'file',
      size: bytes.length,
      identity: '1:1:1',
      mode: 0,
      uid: 0,
      gid: 0,
      allocated: 0,
      modifiedAt: 0,
    }),
    statFollowing: async () => null,
    list: async () => [{ name, type: 'file' }],
    makeDirectory: async () => {},
    create: async () => {},
    rename: async () => {},
    sync: async () => {},
    remove: async () => {},
  }) as unknown as Files

function reader<T>(made: Reader<T>): Reader<unknown> {
  return made as Reader<unknown>
}

const readers: readonly Reader<unknown>[] = [
  reader({
    name: 'QMP messages',
    samples: samples.qmp,
    read: (bytes) => parseMessage(text(bytes)),
    holds: (message) => {
      if (message.kind === 'greeting') return isText(message.version)
      if (message.kind === 'event')
        return isText(message.event.name) && isNumber(message.event.at) && typeof message.event.data === 'object'
      return (
        isNumber(message.id) &&
        (message.kind === 'return' || (isText(message.errorClass) && isText(message.description)))
      )
    },
  }),
  reader({
    name: 'event journals',
    total: true,
    samples: samples.qmp,
    read: (bytes) => readJournal(`${text(bytes)}\n${text(bytes)}`),
    holds: isJournal,
  }),
  reader({
    name: 'sums of journals',
    samples: [samples.journal],
    read: (bytes) => parseJournal(text(bytes)),
    holds: isJournal,
  }),
  reader({
    name: 'ip -j link and addr',
    samples: [samples.ipLinks],
    read: (bytes) => parseLinks(`${text(bytes)}\n${JSON.stringify(samples.ipAddresses)}`),
    holds: (links) =>
      links.every(
        (link) =>
          [link.name, link.alias, link.mac].every(isText) &&
          orNull(isText)(link.master) &&
          [link.index, link.group, link.mtu].every(Number.isInteger) &&
          isTexts(link.addresses),
      ),
  }),
  reader({
    name: 'ip -j addr',
    samples: [samples.ipAddresses],
    read: (bytes) => parseLinks(`${JSON.stringify(samples.ipLinks)}\n${text(bytes)}`),
    holds: (links) =>
      links.every(({ addresses }) => isTexts(addresses) && addresses.every((one) => !one.includes('undefined'))),
  }),
  reader({
    name: 'ip -j -d link',
    samples: [samples.ipDetails],
    read: (bytes) => parseDetails(text(bytes)),
    holds: (links) =>
      links.every(
        ({ name, index, kind, user }) =>
          isText(name) &&
          isText(kind) &&
          Number.isInteger(index) &&
          (user === null || isText(user) || Number.isInteger(user)),
      ),
  }),
  reader({
    name: 'ip -batch complaints',
    samples: samples.ipComplaints,
    read: (bytes) => readFailures(said(bytes), ['link set dev a up', 'addr add 10.1.0.1/24 dev b'], true),
    holds: ({ failures, done }) =>
      isNumber(done) && [...failures].every(([line, words]) => isNumber(line) && isText(words)),
  }),
  reader({
    name: 'nft -j listings',
    samples: samples.nft,
    read: (bytes) =>
      parseListing(root, `${text(bytes)}\n${JSON.stringify(samples.nft[1])}\n${JSON.stringify(samples.nftChains)}`),
    holds: ({ chains, sets, foreign }) =>
      orNull(isText)(chains) && isTexts(foreign) && Object.values(sets).every(isTexts),
  }),
  reader({
    name: 'machine.json',
    samples: [samples.machine],
    read: (bytes) => readMachineFile(filesOf(bytes), '/m'),
    holds: (file) =>
      isText(file.uid) &&
      Number.isInteger(file.user) &&
      file.user > 0 &&
      isTexts(file.credentialFiles) &&
      file.credentialFiles.every((name) => !name.includes('/')) &&
      isNumber(file.started.at) &&
      /^[^/]+$/.test(file.name),
  }),
  reader({
    name: 'volume.json',
    samples: [samples.volume],
    read: (bytes) => readRecord(filesOf(bytes), '/v'),
    holds: (record) =>
      isText(record.ownerUid) && isNumber(record.size) && isText(record.owner.name) && orNull(isText)(record.label),
  }),
  reader({
    name: 'ledger records',
    samples: [samples.record],
    read: async (bytes) => {
      const { current, problems } = await openLedger({ files: filesOf(bytes) } as World, pathsOf('/r'), root)
      if (Object.keys(current.machines).length === 0 && problems.length === 0) throw new TypeError('lost in silence')
      return Object.values(current.machines)[0] ?? null
    },
    holds: (record) =>
      isText(record.ref.name) &&
      Number.isInteger(record.user) &&
      isNumber(record.crashes.count) &&
      isNumber(record.crashes.retryAt) &&
      isNumber(record.restarts.count) &&
      isTexts(record.operations) &&
      Object.values(record.addresses).every(isText) &&
      isText(record.power.wish) &&
      orNull(isText)(record.restartRequest) &&
      (record.started === null || (isNumber(record.started.at) && isText(record.started.digests.compute))),
  }),
  reader({
    name: 'statuses',
    samples: [samples.status],
    read: async (bytes) =>
      [
        ...(await openStatuses({ files: filesOf(bytes, 'MicroVM,default,a.json') } as World, '/s')).current.values(),
      ][0] ?? null,
    // What the next pass does with it.
    holds: ({ conditions, ...rest }) =>
      JSON.stringify(rest) !== '' &&
      setCondition(
        (conditions ?? []) as [],
        { type: 'Ready', status: 'True', reason: 'A', message: '' },
        '2026-01-01T00:00:00Z',
      ).length > 0,
  }),
  reader({
    name: 'index files',
    total: true,
    samples: samples.index,
    // Half of them behind a right checksum, as an older or mistaken writer would make them.
    read: (bytes) => decodeIndex(text(bytes).startsWith('[') ? sealed(text(bytes)) : text(bytes)),
    holds: ({ index, damaged }) =>
      Array.isArray(damaged) &&
      typeof index.recover === 'boolean' &&
      isTexts(index.ended) &&
      [...index.directories].every(([path, one]) => isText(path) && isText(one.identity) && isTexts(one.links)) &&
      [...index.records].every(
        ([key, record]) =>
          isText(key) &&
          isText(record.uid) &&
          isText(record.ref.kind) &&
          isNumber(record.generation) &&
          isNumber(record.createdAt) &&
          orNull(isText)(record.stored) &&
          (record.object === null || isText(record.object.metadata.name)) &&
          typeof record.origin === 'object' &&
          record.origin !== null,
      ),
  }),
  reader({
    name: 'kvm-trial.json',
    total: true,
    samples: [samples.trial],
    read: async (bytes) =>
      (await triedFeatures(worldOf(bytes), { user: 1000, directory: '/d' }, new AbortController().signal)).kvm,
    holds: ({ usable, why, group }) =>
      typeof usable === 'boolean' && isText(why) && (group === null || (Number.isInteger(group) && group >= 0)),
  }),
]

/** The lines of a JSON array, each behind its checksum. */
function sealed(json: string): string {
  try {
    const value: unknown = JSON.parse(json)
    return Array.isArray(value) ? value.map((one) => checked(JSON.stringify(one))).join('\n') : json
  } catch {
    // Cut, or too deep to be written.
    return `${json}\n${checked(json)}`
  }
}

function worldOf(bytes: Uint8Array): World {
  const run = async () => ({ code: 1, stdout: 'x86_64\n', stderr: '' })
  return {
    files: filesOf(bytes),
    process: { run, bootId: () => samples.trial.stamp.split(' ')[0] },
  } as unknown as World
}

function isJournal(value: Journal): boolean {
  const { ran, end, resets, resetAt, upTo, askedAt } = value
  return (
    typeof ran === 'boolean' &&
    orNull(isText)(end) &&
    [resets, resetAt, upTo].every(isNumber) &&
    orNull(isNumber)(askedAt)
  )
}

describe('hostile replies and records', () => {
  test.each(readers)(
    '$name: never a crash, a hang or a wrong type',
    async ({ name, samples: from, read, holds, total }) => {
      const draw = chance(seed)
      const counts = { inputs: times(1200), accepted: 0, refused: 0 }
      const broken = new Map<string, string>()
      const note = (what: string, bytes: Uint8Array) => {
        if (broken.size < 5 && !broken.has(what)) broken.set(what, text(bytes).slice(0, 600))
      }
      for (const sample of from) {
        const value = await read(Buffer.from(JSON.stringify(sample)))
        if (value === null || !holds(value)) note('does not read a good sample', Buffer.from(JSON.stringify(sample)))
      }
      for (let left = counts.inputs; left > 0; left -= 1) {
        const bytes = hostileReply(draw.pick(from), draw)
        const started = process.cpuUsage()
        try {
          const value = await read(bytes)
          if (value === null) counts.refused += 1
          else if (holds(value)) counts.accepted += 1
          else note('has a wrong type', bytes)
        } catch (error) {
          counts.refused += 1
          if (!isSentence(error))
            note(
              String((error as Error).stack)
                .split('\n')
                .slice(0, 3)
                .join(' '),
              bytes,
            )
        }
        if (process.cpuUsage(started).user > 1_000_000) note('took more than a second', bytes)
        if (!isPristine()) note('changed a prototype', bytes)
      }
      tell(name, counts)
      expect([...broken]).toEqual([])
      expect(counts.accepted).toBeGreaterThan(0)
      expect(total === true || counts.refused > 0).toBe(true)
    },
  )
})

describe('a hostile monitor', () => {
  test('gives answers of the right type, or is hung up on; nothing waits for ever', async () => {
    const draw = chance(seed)
    const counts = { connections: times(400), greeted: 0, 'hung up': 0, bytes: 0 }
    for (let left = counts.connections; left > 0; left -= 1) {
      const connection = scripted()
      const clock = handClock()
      const opening = openQmp(
        connection,
        clock,
        { event: () => {}, end: () => {} },
        { timeout: 1000, signal: new AbortController().signal },
      )
      const outcome = opening.then(
        (qmp) => qmp.version,
        (error: unknown) => error,
      )
      for (let line = draw.int(4); line >= 0; line -= 1) {
        const bytes =
          line === 0 || draw.once(2)
            ? Buffer.from(JSON.stringify(draw.pick(samples.qmp)))
            : hostileReply(draw.pick(samples.qmp), draw)
        connection.bytes(bytes)
        connection.bytes(Buffer.from('\n'))
        counts.bytes += bytes.length
        await Promise.resolve()
      }
      connection.say('{"return": {}, "id": 1}\n')
      await Promise.resolve()
      clock.pass(1001)
      const said = await outcome
      if (typeof said === 'string') counts.greeted += 1
      else counts['hung up'] += 1
      expect(typeof said === 'string' || isSentence(said), String(said)).toBe(true)
      expect(clock.waiting).toBe(0)
    }
    tell('monitors', counts)
    expect(counts.greeted).toBeGreaterThan(0)
    expect(counts['hung up']).toBeGreaterThan(0)
  })

  test('a line that comes byte by byte costs no more than its bytes', () => {
    collectGarbage()
    const before = process.memoryUsage()
    const split = lines(1 << 20)
    const one = Buffer.from('x')
    for (let left = 900_000; left > 0; left -= 1) split.push(one)
    collectGarbage()
    const after = process.memoryUsage()
    const grown = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers
    expect(grown).toBeLessThan(48 << 20)
    expect(split.push(Buffer.from('y\n'))).toEqual([`${'x'.repeat(900_000)}y`])
    expect(() => split.push(Buffer.alloc((1 << 20) + 1, 120))).toThrow('more than')
  })
})

/** What is kept is measured, and not what happens to lie about. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
}
