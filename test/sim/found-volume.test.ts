import { expect, test } from 'vitest'
import { volumeHost } from '../../src/host/volume.ts'
import { renderRecord } from '../../src/host/volume-record.ts'
import { FileError } from '../../src/world/files.ts'
import type { World } from '../../src/world/world.ts'
import { MemoryFiles } from '../world/memory-files.ts'
import { Dice } from './random.ts'

const signal = new AbortController().signal

test('a volume whose deletion may not outlive the power counts as there until it does', async () => {
  const files = new MemoryFiles()
  const world = { files, random: new Dice('volume') } as unknown as World
  const owner = { kind: 'MicroVMState', namespace: 'default', name: 'home' }
  const record = {
    version: 1,
    name: 'home',
    ownerUid: 'u',
    owner,
    ephemeral: false,
    size: 4,
    fsType: 'none',
    label: null,
  } as const
  files.write('/volumes/home/volume.json', renderRecord(record))
  files.write('/volumes/home/data.img', 'data')
  const host = volumeHost({ world, paths: { volumes: '/volumes' } })
  let failures = 0
  files.hook = ({ name, path, phase }) => {
    if (phase === 'before' && name === 'sync' && ++failures <= 2) throw new FileError('EIO', path, `EIO: ${path}`)
  }
  for (let tries = 1; tries <= 2; tries += 1) {
    await expect(host.delete('home', 'u', signal)).rejects.toThrow('EIO')
    expect(await host.observe(signal)).toMatchObject([{ name: 'home', ownerUid: 'u' }])
  }
  await host.delete('home', 'u', signal)
  expect(await host.observe(signal)).toEqual([])
  files.losePower()
  expect(await host.observe(signal)).toEqual([])
})
