import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type VolumeHost, volumeHost } from '../../src/host/volume.ts'
import type { Volume } from '../../src/host-state.ts'
import type { Files } from '../../src/world/files.ts'
import { hostWorld } from './host-world.ts'

const never = new AbortController().signal

let folder: string
let volumes: string
let host: VolumeHost

beforeEach((context) => {
  context.skip(process.getuid?.() !== 0, 'needs root: gives files to the users of VMs')
  folder = mkdtempSync('/tmp/moorage-volume-')
  chmodSync(folder, 0o711)
  volumes = `${folder}/volumes`
  host = volumeHost({ world: hostWorld(), paths: { volumes } })
})

afterEach(() => {
  if (folder) rmSync(folder, { recursive: true, force: true })
})

const volume: Volume = {
  owner: { kind: 'MicroVMState', namespace: 'default', name: 'slot1' },
  name: 'slot1-0a1b2c3d',
  ownerUid: 'state-1',
  ephemeral: false,
  size: 64 << 20,
  fsType: 'ext4',
  label: 'state',
  holder: 'vm-1',
  intent: 'Keep',
  adopt: false,
}
const image = () => `${volumes}/${volume.name}/data.img`

test('no folder is no volume', async () => {
  expect(await host.observe(never)).toEqual([])
})

test('a new volume is sparse, whole, labelled, and given to its VM', async () => {
  const big = { ...volume, size: 64 * 2 ** 30 }
  const began = performance.now()
  await host.create(big, never)
  console.log(`64 GiB ext4 in ${Math.round(performance.now() - began)} ms`)
  expect(await host.observe(never)).toEqual([
    {
      name: volume.name,
      owner: volume.owner,
      ownerUid: 'state-1',
      ephemeral: false,
      size: big.size,
      madeWith: { fsType: 'ext4', label: 'state' },
      user: 0,
      fault: null,
    },
  ])
  expect(statSync(image()).size).toBe(big.size)
  expect(statSync(image()).blocks * 512).toBeLessThan(64 << 20)
  const known = execFileSync('blkid', ['-p', '-o', 'export', image()], { encoding: 'utf8' })
  expect(known).toContain('LABEL=state')
  expect(known).toContain('TYPE=ext4')

  await host.attach(big, 4711, never)
  expect(statSync(image())).toMatchObject({ uid: 4711, gid: 4711 })
  expect(statSync(image()).mode & 0o7777).toBe(0o600)
  expect(statSync(`${volumes}/${volume.name}`)).toMatchObject({ uid: 0, gid: 4711 })
  expect(statSync(`${volumes}/${volume.name}`).mode & 0o7777).toBe(0o710)
  expect(statSync(`${volumes}/${volume.name}/volume.json`)).toMatchObject({ uid: 0 })
  expect(statSync(volumes).mode & 0o7777).toBe(0o711)
  expect((await host.observe(never))[0]).toMatchObject({ user: 4711, fault: null })
})

test.each([
  ['xfs', 512 << 20],
  ['btrfs', 128 << 20],
  ['none', 1 << 20],
] as const)('%s', async (fsType, size) => {
  const there = fsType === 'none' || readdirSync('/usr/sbin').includes(`mkfs.${fsType}`)
  const label = fsType === 'none' ? null : 'state'
  const made = host.create({ ...volume, fsType, size, label }, never)
  if (!there) return await expect(made).rejects.toThrow(/is not installed; install/)
  await made
  expect(await host.observe(never)).toMatchObject([{ size, fault: null }])
})

test('a file system that cannot be made leaves nothing', async () => {
  await expect(host.create({ ...volume, size: 1024 }, never)).rejects.toThrow(
    /mkfs.ext4 cannot make volume slot1-0a1b2c3d/,
  )
  expect(readdirSync(volumes)).toEqual([])
})

describe('a volume that is there', () => {
  beforeEach(async () => {
    await host.create(volume, never)
    execFileSync('sh', ['-c', `printf precious | dd of=${image()} bs=1M seek=8 conv=notrunc status=none`])
  })
  const precious = () =>
    readFileSync(image())
      .subarray(8 << 20, (8 << 20) + 8)
      .toString()

  test('is not made again: for its owner it is there, for another it is taken', async () => {
    await host.create(volume, never)
    await expect(host.create({ ...volume, ownerUid: 'state-2' }, never)).rejects.toThrow(/belongs to uid state-1/)
    expect(precious()).toBe('precious')
  })

  test('changes hands only when it is adopted, and keeps its bytes', async () => {
    const other = { ...volume, ownerUid: 'state-2', owner: { ...volume.owner, name: 'slot2' } }
    await expect(host.attach(other, 4712, never)).rejects.toThrow(/belongs to uid state-1; adopt/)
    expect((await host.observe(never))[0]).toMatchObject({ ownerUid: 'state-1', user: 0 })
    await host.attach({ ...other, adopt: true }, 4712, never)
    expect((await host.observe(never))[0]).toMatchObject({ ownerUid: 'state-2', user: 4712, fault: null })
    expect(JSON.parse(readFileSync(`${volumes}/${volume.name}/volume.json`, 'utf8'))).toMatchObject({
      ownerUid: 'state-2',
      owner: { name: 'slot2' },
      label: 'state',
    })
    expect(precious()).toBe('precious')
  })

  test('is deleted for its owner only, and then it is gone', async () => {
    await expect(host.delete(volume.name, 'state-2', never)).rejects.toThrow(
      /belongs to uid state-1, not to state-2; it is kept/,
    )
    expect(precious()).toBe('precious')
    await host.delete(volume.name, 'state-1', never)
    expect(readdirSync(volumes)).toEqual([])
    await host.delete(volume.name, 'state-1', never)
    expect(await host.observe(never)).toEqual([])
  })

  test('is never deleted when nobody can read whose it is', async () => {
    writeFileSync(`${volumes}/${volume.name}/volume.json`, '{"version": 1')
    expect((await host.observe(never))[0]).toMatchObject({
      ownerUid: '',
      fault: expect.stringContaining('volume.json'),
    })
    await expect(host.delete(volume.name, 'state-1', never)).rejects.toThrow(/belongs to uid unknown/)
    await expect(host.attach(volume, 4711, never)).rejects.toThrow(/cannot be used/)
    expect(precious()).toBe('precious')
  })

  test('with another size than it should have is a fault, and so is one without its image', async () => {
    truncateSync(image(), 1 << 20)
    expect((await host.observe(never))[0]!.fault).toMatch(/has 1048576 bytes and its volume.json says 67108864/)
    rmSync(image())
    expect((await host.observe(never))[0]!.fault).toMatch(/data.img is not there/)
    await expect(host.attach(volume, 4711, never)).rejects.toThrow(/data.img is not there/)
  })

  test('is read once, and again when its record changed', async () => {
    const world = hostWorld()
    let reads = 0
    const files: Files = {
      ...world.files,
      read: (path, limit) => {
        reads += 1
        return world.files.read(path, limit)
      },
    }
    const counted = volumeHost({ world: { ...world, files }, paths: { volumes } })
    for (let pass = 0; pass < 5; pass++) expect(await counted.observe(never)).toHaveLength(1)
    expect(reads).toBe(1)
    utimesSync(`${volumes}/${volume.name}/volume.json`, 1, 1)
    await counted.observe(never)
    expect(reads).toBe(2)
  })

  test('survives the sweep of what a crash left', async () => {
    for (const left of ['.new-other-00000000', '.deleted-other-00000000']) {
      mkdirSync(`${volumes}/${left}`)
      writeFileSync(`${volumes}/${left}/data.img`, 'half')
    }
    expect(await host.observe(never)).toHaveLength(1)
    await host.create({ ...volume, name: 'second' }, never)
    expect(readdirSync(volumes).sort()).toEqual(['second', volume.name])
  })
})

test('names that are no names touch nothing', async () => {
  for (const name of ['..', '', 'a/b', '.new-x', 'A']) {
    await expect(host.delete(name, 'x', never)).rejects.toThrow(/no name of a volume/)
    await expect(host.create({ ...volume, name }, never)).rejects.toThrow(/no name of a volume/)
  }
  expect(readdirSync(folder)).toEqual([])
})

test('volumes are made side by side, none sweeping another away', async () => {
  const names = Array.from({ length: 8 }, (_, index) => `volume-${index}`)
  const create = async (name: string, index: number) => {
    // While the one before is at its file system.
    await delay(index * 8)
    await host.create({ ...volume, name }, never)
  }
  await Promise.all(names.map(create))
  expect((await host.observe(never)).map(({ name, fault }) => `${name} ${fault}`)).toEqual(
    names.map((name) => `${name} null`),
  )
})

test('1000 volumes cost little to look at', async () => {
  mkdirSync(volumes)
  for (let count = 0; count < 1000; count++) {
    const name = `volume-${count}`
    mkdirSync(`${volumes}/${name}`)
    writeFileSync(`${volumes}/${name}/data.img`, '')
    const record = { version: 1, ...volume, name, size: 0, holder: undefined, intent: undefined, adopt: undefined }
    writeFileSync(`${volumes}/${name}/volume.json`, JSON.stringify(record))
  }
  expect((await host.observe(never)).every(({ fault }) => fault === null)).toBe(true)
  const before = process.cpuUsage()
  for (let pass = 0; pass < 10; pass++) await host.observe(never)
  const { user, system } = process.cpuUsage(before)
  console.log(`an idle look at 1000 volumes: ${((user + system) / 10_000).toFixed(1)} ms of CPU`)
})
