import { beforeEach, describe, expect, test } from 'vitest'
import type { Readiness } from '../../../src/host/machine/context.ts'
import { runtimeOf } from '../../../src/host/machine/runtime.ts'
import { type MachineHost, machineHost } from '../../../src/host/machine-host.ts'
import type { Boot, Link, Machine, ObservedMachine, Tap } from '../../../src/host-state.ts'
import { qemuCommand } from '../../../src/hypervisor/qemu-command.ts'
import type { StartedRecord } from '../../../src/ledger.ts'
import { Secret } from '../../../src/secret/secret.ts'
import type { World } from '../../../src/world/world.ts'
import { features, plain } from '../../hypervisor/boots.ts'
import { type ManualClock, manualClock } from '../../world/manual-clock.ts'
import { MemoryFiles } from '../../world/memory-files.ts'
import type { FileNode } from '../../world/memory-tree.ts'
import { SimProcess } from './process.ts'
import { SimStream } from './stream.ts'
import type { Taps } from './taps.ts'
import type { SimVmm } from './vmm.ts'
import { optionsOf, parseArgv } from './vmm-argv.ts'

const never = new AbortController().signal
const uid = '6d1c6f0e-58b7-4c33-9a3e-0c1f5b1d2e3f'
const address = '10.1.0.2'
const powerOff = { method: 'qmp-powerdown', graceSeconds: 30 } as const
const runtime = runtimeOf('/run/moorage', '6d1c6f0e58')

/** TAPs that are there by name: whose each is, and who has it open. */
class FakeTaps implements Taps {
  readonly links = new Map<string, { index: number; readonly user: number; lost: (() => void) | null }>()
  #index = 10

  add(name: string, user: number): void {
    this.links.set(name, { index: ++this.#index, user, lost: null })
  }

  delete(name: string): void {
    const link = this.links.get(name)
    this.links.delete(name)
    link?.lost?.()
  }

  open(name: string, user: number, lost: () => void): () => void {
    const link = this.links.get(name)
    if (!link || link.user !== user) throw new Error('Operation not permitted')
    if (link.lost) throw new Error('Device or resource busy')
    link.lost = lost
    return () => {
      link.lost = null
    }
  }

  observed(): Link[] {
    return [...this.links].map(([name, { index, user, lost }]) => ({
      ...{ name, index, kind: 'tun', alias: '', group: 0, master: 'br', mac: '', mtu: 1500, up: true },
      ...{ carrier: lost !== null, user, addresses: [] },
    }))
  }
}

let clock: ManualClock
let files: MemoryFiles
let stream: SimStream
let process: SimProcess
let taps: FakeTaps
let world: World
let off: Set<string>
let host: Looking

interface Looking extends MachineHost {
  look(readiness?: Readiness | null): Promise<ObservedMachine | undefined>
}

beforeEach(again)

/** A host on which nothing has happened yet. */
function again(): void {
  clock = manualClock()
  files = new MemoryFiles(() => clock.now())
  stream = new SimStream({ files, clock })
  taps = new FakeTaps()
  off = new Set()
  process = new SimProcess({ files, clock, stream, taps, passes: (tap) => !off.has(tap) })
  world = { files, clock, stream, process } as unknown as World
  files.folder('/run')
  files.write('/images/vmlinuz', 'kernel')
  files.write('/images/root.erofs', 'root')
  taps.add('vm-slot1', 7000)
  host = newHost()
}

function newHost(): Looking {
  const log = { warn: () => {}, info: () => {} }
  const made = machineHost({ world, paths: { run: '/run/moorage' }, features: () => features, log })
  return {
    ...made,
    look: async (readiness = null) =>
      (await run(made.observe({}, taps.observed(), () => readiness, never))).find((one) => one.uid === uid),
  }
}

/** Lets the clock run until `work` is done, ten minutes at most. */
async function run<T>(work: Promise<T>): Promise<T> {
  let done = false
  const ended = work.finally(() => {
    done = true
  })
  ended.catch(() => {})
  for (let round = 0; !done && round < 600_000; round++) await clock.advance(round < 2000 ? 1 : 10)
  return await ended
}

const newMachine = (boot: Partial<Boot> = {}, user = 7000): Machine => ({
  owner: { kind: 'MicroVM', namespace: 'default', name: 'slot1' },
  ...{ uid, id: uid.replaceAll('-', '').slice(0, 10), user },
  ...{ runStrategy: 'Always', power: 'on', blocked: null },
  boot: {
    ...plain,
    cmdline: `console=ttyS0 systemd.hostname=slot1 ip=${address}::10.1.0.1:255.255.255.0:slot1:eth0:off`,
    disks: [{ name: 'root', path: '/images/root.erofs', readOnly: true, volume: null }],
    nics: [{ name: 'eth0', tap: 'vm-slot1', mac: '02:00:00:00:00:01', mtu: null }],
    ...boot,
  },
  digests: { compute: '', image: '', guest: '', disks: '', network: '', restart: '' },
  ...{ credentials: null, secrets: [], graceSeconds: 30 },
})

const started = (): StartedRecord => ({
  ...{ incarnation: '0a1b2c3d', at: clock.now(), bootId: process.bootId(), schema: 1 },
  digests: { compute: '', image: '', guest: '', disks: '', network: '', restart: '' },
  ...{ credentials: null, powerOff, accel: 'tcg', ended: null },
  carried: {
    addresses: { eth0: address },
    power: { wish: 'on', strategy: 'Always' },
    ...{ restartRequest: null, operations: [], restarts: { count: 0, last: null } },
  },
})

const start = (machine = newMachine(), values: Secret[] = []) => run(host.start(machine, started(), values, never))

/** Started, and its guest up. */
async function up(machine = newMachine()): Promise<SimVmm> {
  await start(machine)
  await clock.advance(3000)
  return process.vmm('default.slot1')!
}

const tap: Tap = {
  ...{ owner: newMachine().owner, name: 'vm-slot1', alias: '', bridge: 'br', user: 7000, mtu: null },
  ...{ machine: uid, nic: 'eth0' },
}

describe('the real machine host', () => {
  test('starts a VM, sees it run, and ready once its guest is up', async () => {
    await start()
    const seen = await host.look({ tcpSocket: { port: 22 } })
    expect(seen).toMatchObject({ phase: 'Running', ready: false, end: null, resets: 0, detachedNics: [] })
    expect(seen?.pid).toBe(process.vmm('default.slot1')!.pid)
    await clock.advance(5000)
    expect(await host.look({ tcpSocket: { port: 22 } })).toMatchObject({ phase: 'Running', ready: true })
    expect(files.text(runtime.console)).toBe('guest: up\r\n')
  })

  test('finds it ready by HTTP and by its console', async () => {
    const vmm = await up()
    for (const readiness of [{ httpGet: { port: 80, path: '/' } }, { console: { contains: 'guest: up' } }]) {
      await host.look(readiness)
      await clock.advance(1500)
      expect(await host.look(readiness), JSON.stringify(readiness)).toMatchObject({ ready: true })
    }
    vmm.guest = { ...vmm.guest, status: () => 503 }
    await host.look({ httpGet: { port: 81 } })
    await clock.advance(5000)
    expect(await host.look({ httpGet: { port: 81 } })).toMatchObject({ ready: false })
  })

  test.each(['TAP off its bridge', 'TAP deleted', 'guest paused', 'VMM hangs'])(
    'does not reach it: %s',
    async (why) => {
      const vmm = await up()
      expect(await stream.reachTcp(address, 22, 100, never)).toBe(true)
      if (why === 'TAP off its bridge') off.add('vm-slot1')
      if (why === 'TAP deleted') taps.delete('vm-slot1')
      if (why === 'guest paused') await run(command('stop'))
      if (why === 'VMM hangs') vmm.hang()
      expect(await run(stream.reachTcp(address, 22, 100, never))).toBe(false)
    },
  )

  test('stops it by the power button, well before the deadline', async () => {
    await up()
    const before = clock.now()
    await run(host.stop(uid, powerOff, clock.now() + 30_000, never))
    expect(clock.now() - before).toBeLessThan(2000)
    expect(await host.look()).toMatchObject({ phase: 'Gone', end: 'Stopped', pid: null })
    expect(await run(process.list(new Set([7000])))).toEqual([])
    expect(process.spawned.at(-1)).toMatchObject({ presses: 1 })
  })

  test('ends one that does not hear at the deadline, and one that hangs by force', async () => {
    const deaf = await up()
    deaf.guest = { ...deaf.guest, button: 'ignored' }
    const before = clock.now()
    await run(host.stop(uid, powerOff, clock.now() + 10_000, never))
    expect(clock.now() - before).toBeGreaterThanOrEqual(10_000)
    expect(clock.now() - before).toBeLessThan(10_100)
    expect(deaf.presses).toBe(3)
    expect(await host.look()).toMatchObject({ phase: 'Gone', end: 'Stopped' })
    await run(host.conclude(uid, 7000, never))
    const hangs = await up()
    hangs.hang()
    const asked = clock.now()
    await run(host.stop(uid, powerOff, clock.now() + 1000, never))
    expect(clock.now() - asked).toBeGreaterThan(2900)
    expect(await host.look()).toMatchObject({ phase: 'Gone', end: null })
    expect(process.violations).toEqual([])
  })

  test('sees a crash at once, and nothing says how it ended', async () => {
    const vmm = await up()
    let woken = 0
    host.onChange(() => {
      woken++
    })
    await host.look()
    vmm.crash()
    await clock.advance(1)
    expect(woken).toBeGreaterThan(0)
    expect(await host.look()).toMatchObject({ phase: 'Gone', end: null, pid: null })
    expect(await newHost().look()).toMatchObject({ phase: 'Gone', end: null })
  })

  test.each([
    ['powerOff', { phase: 'Ended', end: 'GuestShutdown', resets: 0 }],
    ['panic', { phase: 'Ended', end: 'GuestPanicked', resets: 0 }],
    ['reboot', { phase: 'Running', end: null, resets: 1 }],
  ] as const)('tells what a guest does by itself, also when it was not there: %s', async (what, expected) => {
    const vmm = await up()
    await host.look()
    vmm[what]()
    await clock.advance(1500)
    expect(await host.look()).toMatchObject({ ...expected, pid: vmm.pid })
    host.close()
    expect(await newHost().look()).toMatchObject({ ...expected, pid: vmm.pid })
    if (what !== 'reboot') return
    expect(await run(stream.reachTcp(address, 22, 100, never))).toBe(false)
    await clock.advance(1000)
    expect(await stream.reachTcp(address, 22, 100, never)).toBe(true)
    expect(vmm.boots).toBe(2)
  })

  test('is adopted by the next one after a kill: its VM runs on, is ready and can be stopped', async () => {
    const vmm = await up()
    const readiness = { tcpSocket: { port: 22 } }
    await host.look(readiness)
    await clock.advance(1500)
    stream.kill()
    files.kill()
    const second = newHost()
    expect(await second.look(readiness)).toMatchObject({ phase: 'Running', ready: true, pid: vmm.pid })
    await run(second.stop(uid, powerOff, clock.now() + 30_000, never))
    expect(await second.look()).toMatchObject({ phase: 'Gone', end: 'Stopped' })
  })

  test('waits behind another client of its QMP, and is served once that has left', async () => {
    await up()
    host.close()
    await clock.advance(1)
    const other = await stream.connect(runtime.qmp, never)
    other.listen({ data: () => {}, end: () => {} })
    await clock.advance(1)
    const second = newHost()
    const before = clock.now()
    expect(await second.look()).toMatchObject({ phase: 'Running' })
    expect(clock.now() - before).toBeGreaterThanOrEqual(500)
    other.close()
    await clock.advance(1)
    const then = clock.now()
    expect(await second.look()).toMatchObject({ phase: 'Running' })
    expect(clock.now() - then).toBeLessThan(500)
  })

  test('gives it its interface back when its TAP was made anew', async () => {
    await up()
    expect(await host.look()).toMatchObject({ detachedNics: [] })
    taps.delete('vm-slot1')
    taps.add('vm-slot1', 7000)
    await host.look()
    await clock.advance(400)
    expect(await host.look()).toMatchObject({ phase: 'Running', detachedNics: ['eth0'] })
    expect(await run(stream.reachTcp(address, 22, 100, never))).toBe(false)
    await run(host.replug(uid, tap, never))
    expect(await host.look()).toMatchObject({ detachedNics: [] })
    expect(await stream.reachTcp(address, 22, 100, never)).toBe(true)
    taps.delete('vm-slot1')
    await expect(run(host.replug(uid, tap, never))).rejects.toThrow(
      'could not configure /dev/net/tun (vm-slot1): Operation not permitted',
    )
  })

  test('concludes it and forgets it', async () => {
    const vmm = await up()
    vmm.powerOff()
    await run(host.conclude(uid, 7000, never))
    expect(await host.look()).toBeUndefined()
    expect(await files.stat(runtime.directory)).toBeNull()
    expect(files.text('/run/moorage/ended/6d1c6f0e58.log')).toBe('guest: up\r\n')
    expect(taps.links.get('vm-slot1')!.lost).toBeNull()
    await run(host.forget(uid))
    expect(await files.stat('/run/moorage/ended/6d1c6f0e58.log')).toBeNull()
  })

  test('is not fooled by a reboot of the host', async () => {
    await up()
    process.reboot()
    await clock.advance(1)
    expect(await host.look()).toMatchObject({ phase: 'Gone', pid: null })
    await start()
    expect(await host.look()).toMatchObject({ phase: 'Running' })
  })
})

describe('a start', () => {
  test('gives the VMM its credentials and takes the files away once it has read them', async () => {
    const machine = newMachine({ credentials: [{ name: 'token', length: 3 }], oemStrings: ['one,two'] })
    await start(machine, [new Secret(new TextEncoder().encode('abc'))])
    const read = process.vmm('default.slot1')!.credentials
    const texts = [...read].map(([path, bytes]) => [path, new TextDecoder().decode(bytes)])
    expect(texts).toEqual([
      [`${runtime.directory}/oem-0`, 'one,two'],
      [`${runtime.directory}/credential-0`, 'io.systemd.credential.binary:token=YWJj'],
    ])
    expect((await files.list(runtime.directory, 100)).map(({ name }) => name)).not.toContain('credential-0')
  })

  test.each([
    ['kernel', () => files.unlink('/images/vmlinuz'), "could not open kernel file '/images/vmlinuz': No such file"],
    ['disk', () => files.unlink('/images/root.erofs'), "Could not open '/images/root.erofs': No such file"],
    ['disk that it may not read', () => files.write('/images/root.erofs', 'x'), 'root.erofs'],
    ['TAP', () => taps.delete('vm-slot1'), '(vm-slot1): Operation not permitted'],
    ['TAP of its own', () => taps.open('vm-slot1', 7000, () => {}), '(vm-slot1): Device or resource busy'],
    ['program', () => files.unlink('/usr/bin/qemu-system-x86_64'), 'No such file or directory'],
  ])('without its %s fails in QEMU’s words and leaves nothing', async (what, lose, words) => {
    lose()
    if (what === 'disk that it may not read') await files.chmod('/images/root.erofs', 0o600)
    await expect(start()).rejects.toThrow(words)
    expect(process.vmms()).toEqual([])
    expect(await files.stat(runtime.directory)).toBeNull()
    expect(process.locks.collisions).toEqual([])
  })

  test('of a second writer of a volume fails: one writer, ever', async () => {
    files.folder('/volumes/a')
    files.write('/volumes/a/data.img', 'bytes')
    await files.chown('/volumes/a/data.img', 7000, 7000)
    await files.chmod('/volumes/a/data.img', 0o666)
    const disks = [{ name: 'state', path: '/volumes/a/data.img', readOnly: false, volume: 'a' }]
    await up(newMachine({ disks }))
    const image = files.at('/volumes/a/data.img') as FileNode
    const [writer] = process.vmms()
    expect(process.locks.writers(image)).toEqual([writer!.pid])
    taps.add('vm-slot2', 7001)
    const nics = [{ name: 'eth0', tap: 'vm-slot2', mac: '02:00:00:00:00:02', mtu: null }]
    const other = '7d1c6f0e-58b7-4c33-9a3e-0c1f5b1d2e3f'
    const second = { ...newMachine({ disks, nics, name: 'default.slot2' }, 7001), uid: other, id: '7d1c6f0e58' }
    await expect(start(second)).rejects.toThrow('Failed to get "write" lock')
    expect(process.locks.collisions).toMatchObject([{ path: '/volumes/a/data.img', holders: [writer!.pid] }])
    writer!.crash()
    expect(process.locks.writers(image)).toEqual([])
    await start(second)
  })

  test('whose VMM never greets, or never opens, is undone at its deadline', async () => {
    process.hooks.greeting = () => 'never'
    await expect(start()).rejects.toThrow('within 60 s')
    expect(process.vmms()).toEqual([])
    process.hooks.greeting = () => 0
    process.hooks.open = () => 'could not allocate memory'
    await expect(start()).rejects.toThrow('could not allocate memory')
  })
})

/** A world for a controller that can die: from then on nothing that it asked for is done or answered. */
function mortal(): { world: World; die(): void } {
  let dead = false
  const never = () => new Promise(() => {})
  const guard = <T extends object>(port: T): T =>
    new Proxy(port, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          if (dead) return name === 'after' ? () => {} : never()
          const result: unknown = value.apply(target, args)
          return result instanceof Promise ? result.then((answer) => (dead ? never() : answer)) : result
        }
      },
    })
  const after: ManualClock['after'] = (milliseconds, run) =>
    clock.after(milliseconds, () => {
      if (!dead) run()
    })
  return {
    world: {
      ...world,
      files: guard(files),
      stream: guard(stream),
      process: guard(process),
      clock: guard({ ...clock, after }),
    },
    die: () => {
      dead = true
      stream.kill()
      files.kill()
      process.abandon()
    },
  }
}

test('whenever the controller dies in a start, the next one finds what there is, and one VMM runs in the end', async () => {
  const phases: string[] = []
  for (let moment = 0; moment < 260; moment++) {
    again()
    const first = mortal()
    const machine = newMachine({ credentials: [{ name: 'token', length: 3 }] })
    const values = () => [new Secret(new TextEncoder().encode('abc'))]
    const log = { warn: () => {}, info: () => {} }
    const deps = { world: first.world, paths: { run: '/run/moorage' }, features: () => features, log }
    const starting = machineHost(deps).start(machine, started(), values(), never)
    starting.catch(() => {})
    // Some turns of the event loop, then some milliseconds.
    for (let turn = 0; turn < Math.min(moment * 3, 600); turn++) await Promise.resolve()
    if (moment >= 200) await clock.advance((moment - 200) / 2)
    first.die()
    await clock.advance(50)
    host = newHost()
    const seen = await host.look()
    phases.push(seen?.phase ?? 'none')
    expect(process.vmms().length, String(moment)).toBe(['none', 'Gone'].includes(phases.at(-1)!) ? 0 : 1)
    if (seen?.phase === 'Paused') await run(host.resume(uid, never))
    else if (seen?.phase !== 'Running') {
      await run(host.conclude(uid, 7000, never))
      await run(host.start(machine, started(), values(), never))
    }
    expect(await host.look(), String(moment)).toMatchObject({ phase: 'Running' })
    expect(process.vmms()).toHaveLength(1)
    expect((await files.list(runtime.directory, 100)).map(({ name }) => name)).not.toContain('credential-0')
    host.close()
  }
  expect(process.violations).toEqual([])
  expect([...new Set(phases)].sort()).toEqual(['Gone', 'Paused', 'Running', 'none'])
})

describe('a VMM', () => {
  test('whose guest is paused stands still: what was left of its boot is left', async () => {
    await start()
    await clock.advance(1500)
    await run(command('stop'))
    await clock.advance(10_000)
    expect(process.vmms()[0]).toMatchObject({ state: 'paused', up: false })
    await run(command('cont'))
    await clock.advance(400)
    expect(process.vmms()[0]!.up).toBe(false)
    await clock.advance(200)
    expect(process.vmms()[0]).toMatchObject({ up: true, boots: 1 })
  })

  test.each([
    ['q35', 2],
    ['microvm', 1],
  ] as const)('of machine %s tells a reboot %i times: its firmware resets, too', async (machine, times) => {
    const vmm = await up(newMachine({ qemu: { machine, accel: 'tcg' } }))
    vmm.reboot()
    await clock.advance(100)
    expect(files.text(runtime.journal)!.split('"event":"RESET"')).toHaveLength(times + 1)
    expect(await host.look()).toMatchObject({ resets: 1 })
  })

  test('that hangs lets no time pass for its guest', async () => {
    await start()
    const [vmm] = process.vmms()
    await clock.advance(100)
    vmm!.hang()
    await clock.advance(10_000)
    vmm!.thaw()
    await clock.advance(100)
    expect(vmm!.up).toBe(false)
    await clock.advance(2000)
    expect(vmm!.up).toBe(true)
  })

  test('whose guest is not up does not hear its button', async () => {
    await start()
    await run(command('system_powerdown'))
    await clock.advance(10_000)
    expect(process.vmms()[0]).toMatchObject({ state: 'running', up: true, presses: 1 })
  })

  test('whose greeting is late greets each client once, and not for another', async () => {
    await up()
    host.close()
    await clock.advance(1)
    process.hooks.greeting = () => 50
    const heard = ['', '']
    const dial = async (index: number) => {
      const connection = await stream.connect(runtime.qmp, never)
      const data = (bytes: Uint8Array) => {
        heard[index] += new TextDecoder().decode(bytes)
      }
      connection.listen({ data, end: () => {} })
      return connection
    }
    const first = await dial(0)
    await clock.advance(30)
    await dial(1)
    first.close()
    await clock.advance(30)
    expect(heard).toEqual(['', ''])
    await clock.advance(100)
    expect(heard.map((text) => text.split('"QMP"').length)).toEqual([1, 2])
  })

  test('that hangs greets nobody, and greets once it goes on', async () => {
    const vmm = await up()
    vmm.hang()
    stream.kill()
    const connection = await stream.connect(runtime.qmp, never)
    let heard = ''
    const data = (bytes: Uint8Array) => {
      heard += new TextDecoder().decode(bytes)
    }
    connection.listen({ data, end: () => {} })
    await clock.advance(10)
    expect(heard).toBe('')
    vmm.thaw()
    await clock.advance(10)
    expect(heard).toContain('"QMP"')
  })

  test('with two interfaces is reached at each by its own TAP', async () => {
    taps.add('vm-second', 7000)
    const nics = ['vm-slot1', 'vm-second'].map((name, index) => ({
      ...{ name: `eth${index}`, tap: name, mac: `02:00:00:00:00:0${index}`, mtu: null },
    }))
    const cmdline = nics.map(({ name }, index) => `ip=10.${index}.0.2:::255.255.255.0:slot1:${name}:off`).join(' ')
    await up(newMachine({ nics, cmdline }))
    off.add('vm-slot1')
    expect(await run(stream.reachTcp('10.0.0.2', 22, 100, never))).toBe(false)
    expect(await run(stream.reachTcp('10.1.0.2', 22, 100, never))).toBe(true)
  })

  test('that is told to end by a signal does so in order, and says why', async () => {
    const vmm = await up()
    vmm.terminate()
    await clock.advance(5)
    expect(process.vmms()).toEqual([])
    expect(files.text(runtime.output)).toContain('terminating on signal 15')
    expect(await host.look()).toMatchObject({ phase: 'Gone', end: 'Stopped' })
  })

  test('whose folder goes before it has opened its files dies of it', async () => {
    const starting = start()
    starting.catch(() => {})
    while (process.vmms().length === 0) await clock.advance(1)
    files.unlink(runtime.directory)
    await clock.advance(50)
    expect(process.vmms()).toEqual([])
    await expect(run(starting)).rejects.toThrow('its life socket is gone')
  })

  test('that greets late is starting until then, and runs once it is let', async () => {
    await up()
    host.close()
    await clock.advance(1)
    process.hooks.greeting = () => 'never'
    files.write(runtime.journal, '')
    const second = newHost()
    expect(await second.look()).toMatchObject({ phase: 'Starting' })
    await clock.advance(30_000)
    process.hooks.greeting = () => 0
    process.vmm('default.slot1')!.greet()
    expect(await second.look()).toMatchObject({ phase: 'Running' })
  })

  test('that hangs is stuck after ten seconds and has forgotten nothing when it goes on', async () => {
    const vmm = await up()
    await host.look()
    vmm.hang()
    vmm.powerOff()
    stream.kill()
    const second = newHost()
    expect(await second.look()).toMatchObject({ phase: 'Running', pid: vmm.pid })
    await clock.advance(11_000)
    expect(await second.look()).toMatchObject({ phase: 'Stuck', pid: vmm.pid })
    vmm.thaw()
    await clock.advance(1)
    expect(await second.look()).toMatchObject({ phase: 'Running', pid: vmm.pid })
  })

  test('that still reads its files is not told to run, and keeps them until it has', async () => {
    process.hooks.times = () => ({ greeting: 5, open: 3000, exit: 3 })
    const machine = newMachine({ credentials: [{ name: 'token', length: 3 }] })
    const starting = host.start(machine, started(), [new Secret(new TextEncoder().encode('abc'))], never)
    await clock.advance(2900)
    expect(await files.stat(`${runtime.directory}/credential-0`)).not.toBeNull()
    expect(process.vmms()[0]).toMatchObject({ state: 'prelaunch', boots: 0 })
    await run(starting)
    expect(process.vmms()[0]).toMatchObject({ state: 'running', boots: 1 })
    expect(await files.stat(`${runtime.directory}/credential-0`)).toBeNull()
  })

  test('is played the same each time', async () => {
    const traces: string[] = []
    for (let round = 0; round < 2; round++) {
      if (round > 0) again()
      const vmm = await up()
      await host.look({ tcpSocket: { port: 22 } })
      vmm.reboot()
      await clock.advance(3000)
      vmm.panic()
      await host.look()
      await run(host.conclude(uid, 7000, never))
      traces.push(JSON.stringify([files.calls, clock.now(), vmm.pid]))
    }
    expect(traces[0]).toBe(traces[1])
    expect(traces[0]!.length).toBeGreaterThan(3000)
  })
})

/** Asks the VMM by a connection of the test's own; answers every line that came. */
async function command(name: string, args: object = {}, wait = 0): Promise<string[]> {
  host.close()
  await clock.advance(1)
  const connection = await stream.connect(runtime.qmp, never)
  let text = ''
  let ended = ''
  const data = (bytes: Uint8Array) => {
    text += new TextDecoder().decode(bytes)
  }
  connection.listen({
    data,
    end: () => {
      ended = 'end'
    },
  })
  const send = (line: object) => connection.write(new TextEncoder().encode(`${JSON.stringify(line)}\n`))
  send({ execute: 'qmp_capabilities', id: 1 })
  send({ execute: name, arguments: args, id: 2 })
  await clock.advance(wait)
  connection.close()
  await clock.advance(0)
  return [...text.split('\r\n').filter((line) => line !== ''), ended].slice(2)
}

describe('QMP', () => {
  /** As QEMU 7.2.22 said it when it was asked. */
  test('speaks as QEMU does', async () => {
    await up()
    const event = (name: string, data = '') =>
      expect.stringMatching(
        new RegExp(`^\\{"timestamp":\\{"seconds":\\d+,"microseconds":\\d+\\},"event":"${name}"${data}\\}$`),
      )
    expect(await command('query-status')).toEqual([
      '{"return":{"status":"running","singlestep":false,"running":true},"id":2}',
      'end',
    ])
    expect(await command('stop')).toEqual([event('STOP'), '{"return":{},"id":2}', 'end'])
    expect(await command('stop')).toEqual(['{"return":{},"id":2}', 'end'])
    expect(await command('cont')).toEqual([event('RESUME'), '{"return":{},"id":2}', 'end'])
    expect(await command('system_powerdown')).toEqual([event('POWERDOWN'), '{"return":{},"id":2}', 'end'])
    expect(await command('nonsense')).toEqual([
      '{"error":{"class":"CommandNotFound","desc":"The command nonsense has not been found"},"id":2}',
      'end',
    ])
    expect(await command('netdev_del', { id: 'nope' })).toEqual([
      '{"error":{"class":"DeviceNotFound","desc":"Device \'nope\' not found"},"id":2}',
      'end',
    ])
    await clock.advance(2000)
    expect(await command('cont')).toEqual([
      '{"error":{"class":"GenericError","desc":"Resetting the Virtual Machine is required"},"id":2}',
      'end',
    ])
    expect(await command('system_reset')).toEqual([
      event('RESET', ',"data":\\{"guest":false,"reason":"host-qmp-system-reset"\\}'),
      '{"return":{},"id":2}',
      'end',
    ])
    expect(await command('query-status')).toContain(
      '{"return":{"status":"prelaunch","singlestep":false,"running":false},"id":2}',
    )
    expect(await command('quit')).toEqual([
      event('SHUTDOWN', ',"data":\\{"guest":false,"reason":"host-qmp-quit"\\}'),
      '{"return":{},"id":2}',
      'end',
    ])
    await clock.advance(10)
    expect(process.vmms()).toEqual([])
  })

  test.each([
    ['late', { kind: 'late', milliseconds: 50 }, ['end'], ['{"return":{},"id":2}', 'end']],
    ['silent', { kind: 'silent' }, ['end'], ['end']],
    ['refused', { kind: 'refused', errorClass: 'GenericError', words: 'no' }, [expect.stringContaining('"no"'), 'end']],
    ['garbage', { kind: 'garbage', line: '{"torn' }, ['{"torn', 'end']],
    ['doubled', { kind: 'doubled' }, ['{"return":{},"id":2}', '{"return":{},"id":2}', 'end']],
    ['hangUp', { kind: 'hangUp', done: true }, ['end']],
  ] as const)('answers as a hook says: %s', async (_, fault, now, later: readonly unknown[] = now) => {
    await up()
    process.hooks.qmp = (_vmm, name) => (name === 'cont' ? fault : null)
    expect(await command('cont')).toEqual(now)
    expect(await command('cont', {}, 50)).toEqual(later)
    process.hooks.qmp = () => null
    expect(await command('cont')).toEqual(['{"return":{},"id":2}', 'end'])
  })

  test.each(['late', 'garbage', 'doubled', 'hangUp'] as const)('a machine host lives with %s', async (kind) => {
    const vmm = await up()
    let faults = 2
    process.hooks.qmp = () => {
      if (faults-- <= 0) return null
      if (kind === 'late') return { kind, milliseconds: 700 }
      if (kind === 'garbage') return { kind, line: 'not JSON' }
      return kind === 'doubled' ? { kind } : { kind, done: false }
    }
    stream.kill()
    const second = newHost()
    for (let round = 0; round < 30; round++) {
      expect(await second.look()).toMatchObject({ phase: 'Running', pid: vmm.pid })
      await clock.advance(300)
    }
    expect(faults).toBeLessThanOrEqual(0)
    await run(second.stop(uid, powerOff, clock.now() + 30_000, never))
    expect(await second.look()).toMatchObject({ phase: 'Gone', end: 'Stopped' })
  })

  test('a guest whose disk is full stops, and again until there is room', async () => {
    const vmm = await up()
    await host.look()
    vmm.fillDisk()
    await clock.advance(1)
    expect(await host.look()).toMatchObject({ phase: 'Paused' })
    await expect(run(host.resume(uid, never))).rejects.toThrow('cannot be written')
    vmm.emptyDisk()
    await run(host.resume(uid, never))
    expect(await host.look()).toMatchObject({ phase: 'Running' })
  })
})

test('an argv as it is drawn is read back, commas and all', () => {
  const boot = newMachine({
    oemStrings: ['x'],
    disks: [{ name: 'a', path: '/i/a,b', readOnly: false, volume: 'v' }],
  }).boot
  const place = {
    program: { path: '/usr/bin/qemu-system-x86_64', version: '7.2' },
    directory: '/run/a,b',
    accel: 'tcg',
  }
  const { argv } = qemuCommand(boot, { ...place, accel: 'tcg', fds: { qmp: 3, console: 4, life: 5 } })
  expect(parseArgv(argv)).toMatchObject({
    ...{ name: 'default.slot1', machine: 'q35', paused: true, kernel: '/images/vmlinuz', initrd: null, qmp: 0 },
    disks: [{ path: '/i/a,b', readOnly: false }],
    nics: [{ id: 'nic-eth0', netdev: 'guest-eth0', mac: '02:00:00:00:00:01' }],
    credentials: [{ path: '/run/a,b/oem-0' }],
    console: { socket: 1, log: '/run/a,b/console.log' },
    journal: { pipe: '/run/a,b/events', log: '/run/a,b/events.log' },
  })
  expect([...parseArgv(argv).addresses]).toEqual([[0, address]])
  expect(() => parseArgv([...argv, '-nonsense'])).toThrow('-nonsense: invalid option')
  expect([...optionsOf('tap,id=a,,b')]).toEqual([
    ['', 'tap'],
    ['id', 'a,b'],
  ])
})
