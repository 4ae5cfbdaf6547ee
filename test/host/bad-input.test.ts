import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type BadInput, OBJECT_FAULTS, OTHER_FAULTS, VM_FAULTS, YAML_FAULTS } from '../api/bad-input.cases.ts'
import { openStage, type Stage } from './stage.ts'
import { conditionOf, is, type Problem } from './stage-client.ts'
import { tellWhenFailed } from './stage-examine.ts'
import { needsStage } from './stage-guest.ts'
import { image, network, networked, vm, yaml } from './stage-manifests.ts'
import { netPictureOf } from './stage-picture.ts'
import { timed, until } from './stage-until.ts'

/** A VM that runs, and everything that can be wrong, dropped into the directory that it came from. */
let stage: Stage
let pid: number
let problems: readonly Problem[]

const good = (spec = {}) => yaml(networked('good', 'n1', 2, spec))

/** Files with one fault each; what is said of them as `line:column sentence`. One that is too large is not even read. */
const texts: readonly BadInput[] = [...YAML_FAULTS, ...OBJECT_FAULTS, ...VM_FAULTS, ...OTHER_FAULTS].filter(
  ([text]) => text.length <= 1 << 20,
)

const unreadable = 'is a device, FIFO or socket: put a file in its place'

/** What is no manifest at all under the name of one: how it is made, and what is said of it. */
const oddities: readonly (readonly [name: string, make: (path: string) => unknown, said: string | RegExp])[] = [
  ['a FIFO', (path) => execFileSync('mkfifo', [path]), `the file ${unreadable}`],
  ['a device', (path) => execFileSync('mknod', [path, 'c', '1', '5']), `the file ${unreadable}`],
  ['a socket', (path) => createServer().listen(path).unref(), `the file ${unreadable}`],
  ['a link to a device', (path) => symlinkSync('/dev/zero', path), `the file ${unreadable}`],
  ['a link to nothing', (path) => symlinkSync('nowhere', path), /^the file is a link to nothing/],
  ['a link to itself', (path) => symlinkSync(path, path), /^the file .*(link|ELOOP)/],
  [
    'a link to what cannot be read',
    (path) => symlinkSync('/proc/self/mem', path),
    /^the file cannot be read \(input\/output error\)/,
  ],
  ['a huge file', (path) => writeFileSync(path, 'a: b\n'.repeat(500_000)), /^the file is too large/],
  ['a file that is half written', (path) => writeFileSync(path, `${good().slice(0, 60)}\n  na`), /.+/],
  ['bytes that are no UTF-8', (path) => writeFileSync(path, Buffer.from([0x61, 0x3a, 0x20, 0xff, 0xfe])), /UTF-8/],
  ['UTF-16', (path) => writeFileSync(path, Buffer.from('\ufeffkind: MicroVM\n', 'utf16le')), /UTF-8/],
  ['NUL bytes', (path) => writeFileSync(path, 'kind: Micro\0VM\n'), /.+/],
  [
    'a folder of bad manifests',
    (path) => {
      mkdirSync(path)
      writeFileSync(join(path, 'in.yaml'), 'kind: [')
    },
    /bracket/,
  ],
  [
    'folders without end',
    (path) => mkdirSync(join(path, 'in/'.repeat(20)), { recursive: true }),
    /more than 16 directories deep/,
  ],
]

const fileOf = (group: string, index: number) => join(stage.manifests, `${group}-${index}.yaml`)

beforeEach(needsStage as never)

beforeAll(async () => {
  stage = await openStage()
  stage.write('base.yaml', yaml(image('small'), network('n1'), network('n2')))
  stage.write('good.yaml', good())
  await stage.start()
  await stage.ready(60, 'good')
  pid = stage.pidOf('good')
})

afterEach((context) => tellWhenFailed(context as never, stage))

afterAll(() => stage?.close())

/** A peer that is good, as soon as it is taken: milliseconds. */
function peerTakes(name: string): Promise<number> {
  return timed(async () => {
    stage.write(`${name}.yaml`, yaml(vm(name, { runStrategy: 'Halted' })))
    await until(
      `${name} is taken`,
      30,
      () => stage.vm(name),
      (one) => is(one, 'Ready') === 'True',
    )
  })
}

const problemsNow = async (): Promise<readonly Problem[]> => (await stage.problems()).problems

describe('what is no manifest', () => {
  let alone: number
  let beside: number

  beforeAll(async () => {
    alone = await peerTakes('peer-before')
    for (const [index, [text]] of texts.entries()) writeFileSync(fileOf('text', index), text)
    for (const [index, [, make]] of oddities.entries()) make(fileOf('odd', index))
    beside = await peerTakes('peer-beside')
    // A file that was written this moment may be half written; what is said then is not the last word.
    const paths = [...texts.keys()].map((index) => fileOf('text', index))
    paths.push(...[...oddities.keys()].map((index) => fileOf('odd', index)))
    const isTold = (all: readonly Problem[]) =>
      paths.every((path) => all.some(({ file }) => file.startsWith(path))) &&
      !all.some(({ message }) => message.includes('half written'))
    problems = await until('all are told of', 30, problemsNow, isTold)
  })

  const saidOf = (path: string) => problems.filter(({ file }) => file === path || file.startsWith(`${path}/`))

  test.each(texts.map(([, said], index) => [said.slice(0, 100), index, said] as const))('%s', (_, index, said) => {
    const lines = saidOf(fileOf('text', index)).map(({ line, column, message }) => `${line}:${column} ${message}`)
    expect(lines).toEqual(expect.arrayContaining(said.split('\n')))
  })

  test.each(oddities.map(([name, , said], index) => [name, index, said] as const))('%s', (_, index, said) => {
    const lines = saidOf(fileOf('odd', index)).map(({ message }) => message)
    expect(lines).toContainEqual(typeof said === 'string' ? said : expect.stringMatching(said))
  })

  test('so many cases', () => expect(texts.length + oddities.length).toBeGreaterThanOrEqual(60))

  test('a good peer is taken within a second more than it takes alone', () => {
    console.log(
      `a good change took ${alone} ms alone, and ${beside} ms beside ${texts.length + oddities.length} bad files`,
    )
    expect(beside).toBeLessThan(1000 + 2 * alone)
  })

  test('nothing that runs was touched, nothing else was made', async () => {
    expect(stage.vmms()).toEqual([expect.objectContaining({ pid, name: 'default.good' })])
    await stage.ready(10, 'good')
    const names = (await stage.objects('MicroVM')).map(({ metadata }) => metadata.name)
    expect(names.sort()).toEqual(['good', 'peer-before', 'peer-beside'])
    const { stdout, code } = await stage.moorage('plan')
    expect(code, stdout).toBe(0)
  })

  test('moorage plan and the log tell of them, each once', async () => {
    const { stderr } = await stage.moorage('plan')
    const path = fileOf('odd', 0)
    expect(stderr).toContain(`moorage: ${path}: the file ${unreadable}\n`)
    expect(stage.log().split(`"problem":"${path}: `)).toHaveLength(2)
  })

  test('a VM removed beside them goes, since no bad file names it', async () => {
    stage.remove('peer-beside.yaml')
    await until(
      'it is gone',
      10,
      () => stage.vm('peer-beside'),
      (one) => one === undefined,
    )
  })

  test('mended, nothing is wrong', async () => {
    for (const index of texts.keys()) rmSync(fileOf('text', index))
    for (const index of oddities.keys()) rmSync(fileOf('odd', index), { recursive: true })
    await until('nothing is wrong', 10, problemsNow, (all) => all.length === 0)
    expect(stage.pidOf('good')).toBe(pid)
  })
})

/** A copy of the network interface of a good VM with something else in it. */
const nic = (more = {}) => ({ interfaces: [{ name: 'eth0', network: { name: 'n1' }, address: '10.1.0.9', ...more }] })

const credential = (source = {}) => ({ credentials: { items: [{ name: 'a', source }] } })

const imageAt = (name: string, kernel: string, more = {}) => ({
  ...image(name),
  spec: { architecture: 'amd64', source: { hostPath: { kernel: { path: kernel } } }, ...more },
})

const images = '/var/lib/moorage/images'

/** Manifests that are good by themselves and cannot be carried out here; what the VM says of it. */
const wishes: readonly (readonly [said: RegExp, spec: object, ...others: object[]])[] = [
  [/^MicroVMImage nowhere is not there$/, { image: { name: 'nowhere' } }],
  [/^interface eth0 is on MicroVMNetwork nowhere, which is not there$/, nic({ network: { name: 'nowhere' } })],
  [/^address 10\.1\.0\.2 .*MicroVM default\/good/, nic({ address: '10.1.0.2' })],
  [/^interface name vm-good .*MicroVM default\/good/, nic({ tap: 'vm-good' })],
  [/^address 10\.2\.0\.9 is not one of a host in 10\.1\.0\.0\/24/, nic({ address: '10.2.0.9' })],
  [/^address 10\.1\.0\.1 is the gateway of MicroVMNetwork n1$/, nic({ address: '10.1.0.1' })],
  [/^address 10\.1\.0\.255 is not one of a host/, nic({ address: '10.1.0.255' })],
  [
    /^interface stranger exists and is not ours; choose another name, or remove it with: ip link/,
    nic({ tap: 'stranger' }),
  ],
  [
    /^disk d is MicroVMState default\/nowhere, which is not there$/,
    { disks: [{ name: 'd', state: { name: 'nowhere' } }] },
  ],
  [/^hypervisor firecracker is not supported yet; use qemu$/, { hypervisor: 'firecracker' }],
  [/^hypervisor cloud-hypervisor is not supported yet; use qemu$/, { hypervisor: 'cloud-hypervisor' }],
  [/^vsock is not supported yet; remove spec\.vsock$/, { vsock: {} }],
  [/^readiness\.vsockNotify is not supported yet/, { readiness: { vsockNotify: {} } }],
  [/^qemu machine microvm has no SMBIOS and drops oemStrings/, { qemu: { machine: 'microvm' }, oemStrings: ['a'] }],
  [
    /^oemStrings have \d+ bytes, and SMBIOS holds 60000/,
    { oemStrings: Array.from({ length: 64 }, (_, n) => `${n}`.padEnd(1000, 'x')) },
  ],
  [/^Secret default\/nowhere is not there$/, credential({ secretKeyRef: { name: 'nowhere', key: 'a' } })],
  [
    /^\/etc\/shadow is not below a folder that hostPaths\.secrets of config\.yaml allows/,
    credential({ file: { path: '/etc/shadow' } }),
  ],
  [/^\/run\/secrets\/nowhere cannot be read: ENOENT$/, credential({ file: { path: '/run/secrets/nowhere' } })],
  [/^\/run\/secrets\/link cannot be read: ELOOP$/, credential({ file: { path: '/run/secrets/link' } })],
  [
    /^MicroVMImage outside: \/etc\/passwd is not below a folder that hostPaths\.images/,
    { image: { name: 'outside' } },
    imageAt('outside', '/etc/passwd'),
  ],
  [/^MicroVMImage gone: .*\/gone is not there$/, { image: { name: 'gone' } }, imageAt('gone', `${images}/gone`)],
  [
    /^MicroVMImage linked: .*\/link\/passwd cannot be read: /,
    { image: { name: 'linked' } },
    imageAt('linked', `${images}/link/passwd`),
  ],
  [
    /^MicroVMImage folder: .*\/small is not a regular file$/,
    { image: { name: 'folder' } },
    imageAt('folder', `${images}/small`),
  ],
  [
    /^the image is for arm64 and hypervisor qemu boots amd64 here/,
    { image: { name: 'arm' } },
    imageAt('arm', `${images}/small/vmlinuz`, { architecture: 'arm64' }),
  ],
]

describe('what cannot be carried out', () => {
  beforeAll(async () => {
    mkdirSync(`${stage.root}/run/secrets`, { recursive: true })
    symlinkSync('/etc/shadow', `${stage.root}/run/secrets/link`)
    symlinkSync('/etc', `${stage.state}/images/link`)
    await stage.net.ip('link add name stranger type veth peer name other')
    const before = await netPictureOf(stage)
    for (const [index, [, spec, ...others]] of wishes.entries()) {
      stage.write(`wish-${index}.yaml`, yaml(vm(`wish-${index}`, { ...spec }), ...(others as never[])))
    }
    await until(
      'all are taken',
      20,
      () => stage.objects('MicroVM'),
      (all) => all.length === wishes.length + 2,
    )
    await stage.settled(10)
    expect(stage.vmms()).toEqual([expect.objectContaining({ pid })])
    // What only waits for its image or its credentials has its TAP already; nobody gets what is another's.
    const { links } = await netPictureOf(stage)
    expect(links.filter(({ ifname }) => ifname === 'stranger' || ifname === 'vm-good')).toEqual(
      before.links.filter(({ ifname }) => ifname === 'stranger' || ifname === 'vm-good'),
    )
  })

  test.each(wishes.map(([said], index) => [said, index] as const))('%s', async (said, index) => {
    const name = `wish-${index}`
    const one = await until(
      `${name} has a status`,
      10,
      () => stage.vm(name),
      (vm) => is(vm, 'Stalled') === 'True',
    )
    expect(conditionOf(one, 'Stalled')?.message).toMatch(said)
    expect(conditionOf(one, 'Ready')).toMatchObject({ status: 'False', message: expect.stringMatching(said) })
    expect(is(one, 'Available')).toBe('False')
  })

  test('moorage describe says it too', async () => {
    const { stdout } = await stage.moorage('describe', 'MicroVM', 'wish-0')
    expect(stdout).toContain('MicroVMImage nowhere is not there')
  })

  test('networks that overlap, and a bridge that is somebody else’s', async () => {
    stage.write('networks.yaml', yaml(network('n1b', { subnet: '10.1.0.128/25' }), network('n3', { bridge: 'br-n1' })))
    const stalled = async (name: string) =>
      conditionOf(
        (await stage.objects('MicroVMNetwork')).find(({ metadata }) => metadata.name === name),
        'Stalled',
      )
    await until('both say so', 10, async () => (await stalled('n1b')) && (await stalled('n3')))
    expect((await stalled('n1b'))?.message).toMatch(
      /^subnet 10\.1\.0\.128\/25 overlaps 10\.1\.0\.0\/24 of MicroVMNetwork n1; choose another one$/,
    )
    expect((await stalled('n3'))?.message).toMatch(/^bridge br-n1 .*MicroVMNetwork n1/)
    expect(stage.pidOf('good')).toBe(pid)
    stage.remove('networks.yaml')
  })

  test('taken away, nothing is left of them', async () => {
    for (const index of wishes.keys()) stage.remove(`wish-${index}.yaml`)
    // All but one of so many go at once: that has to be confirmed.
    const names = wishes.map((_, index) => `wish-${index}`)
    await until('it is held', 10, problemsNow, (all) => all.some(({ message }) => /would go at once/.test(message)))
    expect(await stage.moorage('delete', 'MicroVM', ...names)).toMatchObject({ code: 0 })
    await until(
      'all are gone',
      20,
      () => stage.objects('MicroVM'),
      (all) => all.length === 2,
    )
    expect(stage.pidOf('good')).toBe(pid)
  })
})

describe('a bad edit of what runs', () => {
  const edits: readonly (readonly [string, string, RegExp])[] = [
    [
      'a misspelt field',
      good().replace('memory:', 'memroy:'),
      /good\.yaml:\d+:\d+: (unknown field spec\.memroy: did you mean memory\?|spec\.memory is required)$/,
    ],
    ['what is no YAML', good().replace('spec:', 'spec: ['), /good\.yaml:\d+:\d+: /],
    ['nothing at all', '', /good\.yaml|empty/],
    ['an image that is not there', good({ image: { name: 'nowhere' } }), /^MicroVMImage nowhere is not there$/],
    [
      'a network that is not there',
      good(nic({ network: { name: 'nowhere' } })),
      /MicroVMNetwork nowhere, which is not there$/,
    ],
    [
      'an address outside',
      good(nic({ address: '10.9.0.9', tap: 'vm-good' })),
      /^address 10\.9\.0\.9 is not one of a host/,
    ],
  ]

  test.each(edits)('%s: it runs on, and says so; also to the next controller', async (_, text, said) => {
    stage.write('good.yaml', text)
    const stalled = await until(
      'it says so',
      10,
      () => stage.vm('good'),
      (one) => is(one, 'Stalled') === 'True',
    )
    expect(conditionOf(stalled, 'Stalled')?.message).toMatch(said)
    expect([is(stalled, 'Ready'), is(stalled, 'Available')]).toEqual(['False', 'True'])
    await stage.end('SIGKILL')
    await stage.start()
    await until(
      'it says so again',
      10,
      () => stage.vm('good'),
      (one) => is(one, 'Available') === 'True',
    )
    expect(conditionOf(await stage.vm('good'), 'Stalled')?.message).toMatch(said)
    expect(stage.pidOf('good')).toBe(pid)
    stage.write('good.yaml', good())
    await stage.ready(10, 'good')
    expect(is(await stage.vm('good'), 'Stalled')).toBeUndefined()
    expect(stage.pidOf('good')).toBe(pid)
  })
})
