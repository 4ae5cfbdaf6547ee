import { describe, expect, test } from 'vitest'
import { hostFeatures } from '../../../src/host/features.ts'
import { volumeHost } from '../../../src/host/volume.ts'
import { linuxClock } from '../../../src/world/linux/clock.ts'
import type { SpawnSpec } from '../../../src/world/process.ts'
import type { World } from '../../../src/world/world.ts'
import { processContract } from '../../world/contract/process.ts'
import { manualClock } from '../../world/manual-clock.ts'
import { MemoryFiles } from '../../world/memory-files.ts'
import { SimProcess } from './process.ts'
import { fileSystemMark } from './process-tools.ts'
import { SimStream } from './stream.ts'
import type { Taps } from './taps.ts'

const never = new AbortController().signal
const taps: Taps = { open: () => () => {} }
const programs = {
  holder: ['/usr/bin/holder', '1000'],
  failing: ['/bin/failing'],
  missing: ['/usr/bin/there-is-no-such-program'],
}

function make(clock: ReturnType<typeof linuxClock> | ReturnType<typeof manualClock>) {
  const files = new MemoryFiles()
  files.folder('/root')
  const stream = new SimStream({ files, clock })
  const process = new SimProcess({ files, clock, stream, taps, pids: { first: 300, last: 304 } })
  process.programs.set(programs.holder[0]!, 'holds')
  process.programs.set(programs.failing[0]!, { code: 3, words: 'no such machine' })
  return { files, stream, process }
}

const holder = (change: Partial<SpawnSpec> = {}): SpawnSpec => ({
  ...{ argv: programs.holder, env: {}, directory: '/', uid: 7, gid: 7, groups: [], listeners: [] },
  output: '/root/output',
  ...change,
})

// All laws hold. The clock is the real one here, since the laws wait in real time.
describe('contract', () =>
  processContract(async () => {
    const { stream, process } = make(linuxClock())
    return { process, stream, root: '/root', user: 7, programs }
  }))

/** Lets the clock run until `work` is done. */
async function run<T>(clock: ReturnType<typeof manualClock>, work: Promise<T>): Promise<T> {
  let done = false
  const ended = work.finally(() => {
    done = true
  })
  ended.catch(() => {})
  for (let round = 0; !done && round < 10_000; round++) await clock.advance(1)
  return await ended
}

describe('pids', () => {
  test('wrap around, are reused, and no identity comes twice', async () => {
    const clock = manualClock()
    const { process } = make(clock)
    const seen = new Set<string>()
    const pids: number[] = []
    const stays = process.startForeign({ executable: '/bin/stays', uid: 1 })
    for (let count = 0; count < 12; count++) {
      const identity = await run(clock, process.spawn(holder(), never))
      pids.push(identity.pid)
      seen.add(`${identity.pid} ${identity.startTime}`)
      expect(identity.pid).not.toBe(stays.pid)
      process.kill(identity.pid)
      await clock.advance(2)
    }
    expect(pids).toEqual([301, 302, 303, 304, 301, 302, 303, 304, 301, 302, 303, 304])
    expect(seen.size).toBe(12)
  })

  test('that come round within one clock tick still make another identity', async () => {
    const clock = manualClock()
    const { process } = make(clock)
    process.hooks.death = () => ({ files: 0, gone: 0 })
    const seen = new Set<string>()
    for (let count = 0; count < 12; count++) {
      const { pid, startTime } = process.startForeign({ executable: '/bin/x', uid: 1 })
      seen.add(`${pid} ${startTime}`)
      process.kill(pid)
      await clock.advance(0)
    }
    expect(seen.size).toBe(12)
  })

  test('run out', async () => {
    const clock = manualClock()
    const { process } = make(clock)
    for (let count = 0; count < 5; count++) process.startForeign({ executable: '/bin/stays', uid: 1 })
    await expect(run(clock, process.spawn(holder(), never))).rejects.toThrow('EAGAIN')
  })

  test('count for nothing after a reboot: nobody is left, and the boot is another', async () => {
    const clock = manualClock()
    const { process, stream } = make(clock)
    const listener = await stream.listen('/root/life')
    const identity = await run(clock, process.spawn(holder({ listeners: [listener] }), never))
    const before = process.bootId()
    await clock.advance(5000)
    process.reboot()
    expect(process.bootId()).not.toBe(before)
    expect(await process.list(new Set([7]))).toEqual([])
    expect(stream.isHeld('/root/life')).toBe(false)
    const again = await run(clock, process.spawn(holder(), never))
    expect(again).toMatchObject({ pid: identity.pid, startTime: 0 })
    expect(await process.signal(identity, 'SIGKILL')).toBe(false)
  })
})

describe('an end', () => {
  test('takes the executable first, then the files, then the process', async () => {
    const clock = manualClock()
    const { process, stream } = make(clock)
    process.hooks.death = () => ({ files: 10, gone: 10 })
    const listener = await stream.listen('/root/life')
    const identity = await run(clock, process.spawn(holder({ listeners: [listener] }), never))
    expect(await process.signal(identity, 'SIGKILL')).toBe(true)
    expect(await process.list(new Set([7]))).toEqual([{ ...identity, executable: '' }])
    expect(await process.signal(identity, 'SIGKILL')).toBe(false)
    await clock.advance(9)
    expect(stream.isHeld('/root/life')).toBe(true)
    await clock.advance(1)
    expect(stream.isHeld('/root/life')).toBe(false)
    expect(await process.list(new Set([7]))).toHaveLength(1)
    await clock.advance(10)
    expect(await process.list(new Set([7]))).toEqual([])
  })

  test('that the kernel does not grant comes when it is unstuck', async () => {
    const clock = manualClock()
    const { process } = make(clock)
    process.hooks.death = () => 'never'
    const { pid } = process.startForeign({ executable: '/bin/x', uid: 7 })
    process.kill(pid)
    await clock.advance(100_000)
    expect(await process.list(new Set([7]))).toHaveLength(1)
    process.unstick(pid)
    expect(await process.list(new Set([7]))).toEqual([])
  })
})

test('a spawn whose controller died leaves its child, also when its signal is aborted then', async () => {
  const clock = manualClock()
  const { process } = make(clock)
  for (const dies of [true, false]) {
    const abort = new AbortController()
    const spawning = process.spawn(holder(), abort.signal)
    spawning.catch(() => {})
    if (dies) process.abandon()
    abort.abort(new Error('over'))
    await clock.advance(10)
    expect(await process.list(new Set([7]))).toHaveLength(1)
  }
})

test('a signal that hits somebody else is a violation; one that hits ours is none', async () => {
  const clock = manualClock()
  const { process } = make(clock)
  const ours = await run(clock, process.spawn(holder(), never))
  await process.signal(ours, 'SIGKILL')
  expect(process.violations).toEqual([])
  const theirs = process.startForeign({ executable: '/bin/x', uid: 7 })
  await process.signal({ ...theirs, uid: 8 }, 'SIGKILL')
  expect(process.violations).toEqual([])
  await process.signal(theirs, 'SIGTERM')
  expect(process.violations).toEqual([{ identity: theirs, signal: 'SIGTERM' }])
})

describe('a run', () => {
  test('makes file systems that a volume host is content with, and tells features', async () => {
    const clock = manualClock()
    const { files, process } = make(clock)
    files.write('/proc/cpuinfo', 'cpu MHz\t\t: 2600.000\n')
    const random = { bytes: (count: number) => new Uint8Array(count) }
    const world = { files, process, clock, random } as unknown as World
    const features = await hostFeatures(world, { directory: '/root', user: 7 }, never)
    expect(features).toMatchObject({
      architecture: 'amd64',
      programs: { 'qemu-system-x86_64': { path: '/usr/bin/qemu-system-x86_64', version: '7.2.22' } },
      kvm: { usable: false },
      tscKhz: 2_600_000,
    })
    const volumes = volumeHost({ world, paths: { volumes: '/root/volumes' } })
    const owner = { kind: 'MicroVMState', namespace: 'default', name: 'a' }
    await volumes.create(
      {
        ...{
          owner,
          name: 'a-00000000',
          ownerUid: 'u',
          ephemeral: false,
          size: 1 << 20,
          fsType: 'ext4',
          label: 'state',
        },
        ...{ holder: null, intent: 'Keep', adopt: false },
      },
      never,
    )
    expect(await volumes.observe(never)).toMatchObject([{ name: 'a-00000000', size: 1 << 20, fault: null }])
    expect(files.text('/root/volumes/a-00000000/data.img')).toContain(fileSystemMark('ext4', 'state'))
  })

  test('of what nobody plays names its argv; a hook fails it, or has it hang until its timeout', async () => {
    const clock = manualClock()
    const { process } = make(clock)
    const spec = { argv: ['nobody', '--knows'], timeout: 500 }
    await expect(process.run(spec, never)).rejects.toThrow('["nobody","--knows"]')
    process.hooks.run = () => ({ code: 1, stdout: '', stderr: 'no space' })
    expect(await process.run(spec, never)).toMatchObject({ code: 1 })
    process.hooks.run = () => 'hang'
    await expect(run(clock, process.run(spec, never))).rejects.toThrow('nobody took more than 500 ms')
    expect(clock.monotonic()).toBeGreaterThanOrEqual(1_000_500)
  })
})
