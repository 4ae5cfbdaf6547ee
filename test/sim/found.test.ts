import { expect, test } from 'vitest'
import { FileError } from '../../src/world/files.ts'
import { networked, yaml } from '../host/stage-manifests.ts'
import { paths, SimHost } from './host.ts'
import { Oracles } from './oracles.ts'
import { describe, isAtRest } from './rest.ts'
import { Site } from './site.ts'
import { nothing, plainVm, type Wanted } from './wanted.ts'

/** What the simulation found in the controller, each told by hand: seeds mean something else when the simulation changes. */

const vm = plainVm

class Scene {
  readonly host = new SimHost('found')
  readonly site: Site
  readonly oracles: Oracles

  /** @param known faults that the oracles have to know of */
  constructor(wanted: Partial<Wanted>, ...known: readonly string[]) {
    this.site = new Site(this.host, { ...nothing, ...wanted })
    this.oracles = new Oracles(this.host, this.site, new Map(known.map((kind) => [kind, 1])))
    this.host.start()
  }

  vmm(name: string) {
    return this.host.process.vmm(`default.${name}`)
  }

  /** Lets it come to rest and judges it. */
  async rests(): Promise<void> {
    const isBroken = () => this.oracles.broken.length > 0
    const check = () => this.oracles.check()
    await this.host.pass(70_000, isBroken, check)
    const rests = await this.host.pass(900_000, () => isBroken() || isAtRest(this.host), check)
    expect(rests, describe(this.host)).toBe(true)
    this.oracles.atRest()
    expect(this.oracles.broken).toEqual([])
  }
}

test('a VM keeps its uid and its VMM when the index is lost under a running controller', async () => {
  const scene = new Scene({ vms: { a: vm } }, 'index removed')
  await scene.rests()
  const { pid } = scene.vmm('a')!
  scene.host.files.unlink(paths.index)
  scene.site.want({ ...scene.site.wanted, vms: { a: vm, b: vm } })
  await scene.rests()
  expect(scene.vmm('a')?.pid).toBe(pid)
})

test('a VM whose record was lost is not started a second time when its manifest comes back', async () => {
  const scene = new Scene({ vms: { a: vm, b: vm } }, 'index removed')
  await scene.rests()
  const { pid } = scene.vmm('a')!
  scene.site.want({ ...scene.site.wanted, vms: { b: vm } })
  scene.host.files.unlink(paths.index)
  await scene.host.pass(10_000)
  scene.site.want({ ...scene.site.wanted, vms: { a: vm, b: vm } })
  await scene.rests()
  expect(scene.vmm('a')?.pid).toBe(pid)
})

test.each([0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5])('a commit of links that is cut at %s is mended', async (cut) => {
  const scene = new Scene({})
  let cuts = 0
  scene.host.net.faults = { commitCut: () => (++cuts === 1 ? cut : null) }
  scene.site.want({ ...scene.site.wanted, vms: { a: vm } })
  await scene.rests()
  expect(cuts).toBeGreaterThan(1)
})

test.each([1, 2, 3, 4])('a NIC is plugged in again though command %s of it was refused once', async (nth) => {
  const scene = new Scene({ vms: { a: vm } })
  await scene.rests()
  let commands = 0
  scene.host.process.hooks.qmp = (_, command) =>
    command.startsWith('netdev_') && ++commands === nth
      ? { kind: 'refused', errorClass: 'GenericError', words: 'not now' }
      : null
  scene.host.net.deleteLink('vm-a')
  await scene.rests()
  expect(commands).toBeGreaterThan(nth)
})

test('a pause before the next try is no longer when the clock is set back', async () => {
  const scene = new Scene({ vms: { a: vm } })
  await scene.rests()
  for (let crash = 0; crash < 3; crash += 1) {
    scene.vmm('a')?.crash()
    await scene.host.pass(15_000)
  }
  scene.vmm('a')?.crash()
  await scene.host.pass(100)
  scene.host.clock.shift(-3_600_000)
  await scene.rests()
})

test('a record of a volume that could not be read once is read again', async () => {
  const scene = new Scene({ vms: { a: { ...vm, state: true } } })
  await scene.rests()
  scene.host.kill()
  let failures = 0
  scene.host.files.hook = ({ name, path, phase }) => {
    if (phase === 'after' || name !== 'read' || !path.endsWith('/volume.json') || ++failures > 2) return
    throw new FileError('EIO', path, `EIO: ${path}`)
  }
  scene.host.start()
  await scene.rests()
  expect(failures).toBeGreaterThan(2)
})

test('an address beside the gateway goes, and the gateway stays', async () => {
  const scene = new Scene({ vms: { a: vm } })
  await scene.rests()
  const { net } = scene.host
  net.removeAddress('br-n1', '10.1.0.1/24')
  net.addAddress('br-n1', '10.1.0.9/24')
  await scene.rests()
  expect(net.links().find(({ name }) => name === 'br-n1')?.addresses).toEqual(['10.1.0.1/24'])
})

test('of two VMs with a new secret the second waits though the first one did not start', async () => {
  const both = { a: { ...vm, credential: 'Secret' as const }, b: { ...vm, credential: 'Secret' as const } }
  const scene = new Scene({ vms: both })
  await scene.rests()
  let starts = 0
  scene.host.process.hooks.open = () => (++starts === 1 ? 'cannot set up guest memory' : null)
  scene.site.want({ ...scene.site.wanted, secret: 2 })
  let least = 2
  const up = () => scene.host.process.vmms().filter((one) => one.up).length
  await scene.host.pass(
    60_000,
    () => false,
    () => {
      least = Math.min(least, up())
    },
  )
  expect(least).toBe(1)
  await scene.rests()
})

test.each([
  ['Once', 'before'],
  ['Once', 'after'],
  ['RerunOnFailure', 'before'],
  ['Always', 'before'],
] as const)('a start of %s that is cut short %s the spawn is no end of it', async (strategy, fate) => {
  const scene = new Scene({})
  await scene.rests()
  let spawns = 0
  scene.host.hooks.fate = ({ name }) => (name === 'process.spawn' && ++spawns === 1 ? fate : 'lives')
  scene.site.want({ ...scene.site.wanted, vms: { a: { ...vm, strategy } } })
  await scene.host.pass(5000)
  expect(scene.host.life).toBeNull()
  scene.host.start()
  await scene.rests()
  expect(scene.vmm('a')?.state).toBe('running')
  const [record] = Object.values(scene.host.controller!.ledger.current.machines)
  expect(record).toMatchObject({ crashes: { count: 0 }, started: { ended: null } })
})

test('a guest that runs once has run though its controller dies while that is written down', async () => {
  for (let effect = 0; effect < 14; effect += 1) {
    const scene = new Scene({ vms: { a: { ...vm, strategy: 'Once' } } })
    await scene.rests()
    let effects = 0
    scene.host.hooks.fate = () => (effects++ === effect ? 'after' : 'lives')
    scene.vmm('a')?.powerOff()
    await scene.host.pass(5000)
    scene.host.hooks.fate = () => 'lives'
    if (scene.host.life === null) scene.host.start()
    await scene.rests()
    expect(scene.host.process.spawned).toHaveLength(1)
  }
})

test('a console that cannot be read once is asked again', async () => {
  const { host } = new Scene({})
  let failures = 0
  host.files.hook = ({ name, path, phase }) => {
    if (phase === 'after' || name !== 'read' || !path.endsWith('/console.log') || ++failures > 2) return
    throw new FileError('EIO', path, `EIO: ${path}`)
  }
  const readiness = { console: { contains: 'guest: up' }, periodSeconds: 1 }
  host.files.write(`${paths.manifests}/z.yaml`, yaml(networked('z', 'n1', 20, { readiness })))
  await host.pass(30_000)
  expect(failures).toBeGreaterThan(2)
  const { conditions } = host.controller!.statuses.current.get('MicroVM/default/z') as { conditions: readonly object[] }
  expect(conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'True' }))
})

test('a controller that finds everything as it left it writes nothing', async () => {
  const scene = new Scene({ vms: { a: { ...vm, state: true, credential: 'Secret' }, b: vm } })
  await scene.rests()
  const before = scene.host.mutations
  scene.host.kill()
  scene.host.start()
  await scene.rests()
  expect(scene.host.mutations).toBe(before)
})

test('forwarding that is switched off is heard', async () => {
  const scene = new Scene({ vms: { a: vm } })
  await scene.rests()
  scene.host.net.setForwarding(false)
  await scene.host.pass(200)
  expect(scene.host.net.forwarding).toBe(true)
})

test('a VMM that hangs while it is stopped is asked to go once it is back', async () => {
  const scene = new Scene({ vms: { a: { ...vm, grace: 20 } } })
  await scene.rests()
  const vmm = scene.vmm('a')!
  scene.host.kill()
  vmm.hang()
  scene.site.want({ ...scene.site.wanted, vms: { a: { ...vm, grace: 20, strategy: 'Halted' } } })
  scene.host.start()
  await scene.host.pass(16_000)
  expect(vmm.presses).toBe(0)
  vmm.thaw()
  await scene.host.pass(1500)
  expect(vmm.presses).toBe(1)
  await scene.rests()
  expect(vmm.presses).toBe(1)
})

/** Fails once, behind the effect, what `which` chooses of the calls that write; answers how often it was asked for. */
function failsOnce(host: SimHost, which: (name: string, path: string) => boolean): () => number {
  let times = 0
  host.files.hook = ({ name, path, phase }) => {
    if ((phase === 'after') !== (name === 'rename') || !which(name, path) || ++times !== 1) return
    throw new FileError('EIO', path, `EIO: ${name} ${path}`)
  }
  return () => times
}

test.each([
  ['the ledger', `${paths.ledger}/machines`],
  ['the index', paths.index],
  ['secrets', `${paths.secrets}/accepted`],
  ['volumes', paths.volumes],
])('names in %s whose directory could not be synced once are synced', async (_, folder) => {
  const scene = new Scene({})
  await scene.rests()
  const times = failsOnce(scene.host, (name, path) => name === 'sync' && path === folder)
  const one = { ...vm, state: true, credential: 'Secret' as const }
  scene.site.want({ ...scene.site.wanted, secret: 2, vms: { a: one } })
  await scene.rests()
  expect(times()).toBeGreaterThan(1)
})

test('a record whose rename failed late is written again though nothing else changes', async () => {
  const scene = new Scene({ vms: { a: vm } })
  await scene.rests()
  failsOnce(scene.host, (name, path) => name === 'rename' && path.startsWith(`${paths.ledger}/machines/`))
  scene.site.want({ ...scene.site.wanted, vms: { a: { ...vm, token: 2 } } })
  await scene.host.pass(20)
  scene.site.want({ ...scene.site.wanted, vms: { a: vm } })
  await scene.rests()
})

test('names that a dead controller did not sync are synced by the next one', async () => {
  for (const folder of [`${paths.ledger}/machines`, paths.index, paths.volumes]) {
    const scene = new Scene({})
    await scene.rests()
    let done = false
    scene.host.hooks.fate = ({ name, about }) => {
      if (done || name !== 'files.sync' || about !== folder) return 'lives'
      done = true
      return 'before'
    }
    scene.site.want({ ...scene.site.wanted, vms: { a: { ...vm, state: true } } })
    await scene.host.pass(10_000)
    expect(done, folder).toBe(true)
    scene.host.start()
    await scene.rests()
  }
})

test('numbers are not given out before they are written down though that failed once', async () => {
  const scene = new Scene({})
  await scene.rests()
  let times = 0
  scene.host.files.hook = ({ name, path, phase }) => {
    if (phase === 'after' || name !== 'create' || !path.startsWith(`${paths.ledger}/machines/`) || ++times > 1) return
    throw new FileError('ENOSPC', path, `ENOSPC: ${path}`)
  }
  scene.site.want({ ...scene.site.wanted, vms: { a: vm } })
  await scene.rests()
  expect(times).toBeGreaterThan(1)
})

test('versions of a Secret that a save left go once the index is whole', async () => {
  const scene = new Scene({}, 'index removed')
  scene.host.kill()
  let times = 0
  scene.host.files.hook = ({ name, path, phase }) => {
    if (phase === 'after' || name !== 'rename' || !path.startsWith(`${paths.index}/accepted`) || ++times > 3) return
    throw new FileError('EIO', path, `EIO: ${path}`)
  }
  scene.host.start()
  await scene.rests()
  expect(times).toBeGreaterThan(3)
  scene.host.files.unlink(paths.index)
  scene.site.want({ ...scene.site.wanted, secret: 2 })
  await scene.rests()
})

test('a start whose runtime folder is removed is tried again at once', async () => {
  const scene = new Scene({}, 'runtime folder removed')
  await scene.rests()
  scene.host.process.hooks.greeting = () => (scene.host.process.spawned.length === 1 ? 'never' : 0)
  scene.site.want({ ...scene.site.wanted, vms: { a: vm } })
  await scene.host.pass(2000)
  scene.host.files.unlink(scene.vmm('a')!.spec.directory)
  await scene.host.pass(10_000)
  expect(scene.host.process.spawned).toHaveLength(2)
  await scene.rests()
})

test('a VM whose runtime folder was removed says what to do, and is started anew once it has ended', async () => {
  const scene = new Scene({ vms: { a: vm } }, 'runtime folder removed')
  await scene.rests()
  const vmm = scene.vmm('a')!
  scene.host.files.unlink(vmm.spec.directory)
  await scene.rests()
  expect(scene.vmm('a')).toBe(vmm)
  expect(JSON.stringify(scene.host.controller!.statuses.current.get('MicroVM/default/a'))).toContain(
    `or end process ${vmm.pid}`,
  )
  scene.host.process.kill(vmm.pid)
  await scene.rests()
  expect(scene.host.process.spawned).toHaveLength(2)
})

test.each(['bridge', 'inet'] as const)('our other table goes when that of %s is gone already', async (family) => {
  const scene = new Scene({ vms: { a: vm } })
  await scene.rests()
  const { hooks, net } = scene.host
  hooks.fate = ({ name, about }) => (name === 'net.commit' && about.includes('removeRules') ? 'before' : 'lives')
  scene.site.want({ ...scene.site.wanted, vms: {} })
  const isOver = () => scene.host.life === null
  expect(await scene.host.pass(20_000, isOver, () => scene.oracles.check())).toBe(true)
  hooks.fate = () => 'lives'
  net.deleteOurTables(family)
  scene.host.start()
  await scene.rests()
  expect(net.rules()).toMatchObject({ chains: null, sets: { portAddresses: [] } })
})

test('what is left of a volume that could not be made goes though nobody wants it any more', async () => {
  const scene = new Scene({})
  await scene.rests()
  let failures = 0
  scene.host.files.hook = ({ name, path, phase }) => {
    if (phase === 'after' || !path.includes('/.new-home-a') || (name !== 'sync' && name !== 'list')) return
    failures += 1
    throw new FileError('EIO', path, `EIO: ${name} ${path}`)
  }
  scene.site.want({ ...scene.site.wanted, vms: { a: { ...vm, state: true } } })
  await scene.host.pass(20)
  scene.site.want({ ...scene.site.wanted, vms: { a: vm } })
  await scene.host.pass(5000)
  expect(failures).toBeGreaterThan(1)
  scene.host.files.hook = () => {}
  await scene.rests()
})

test('a VM that lost its runtime folder and its record is known by its TAP', async () => {
  const scene = new Scene({ vms: { b: vm } }, 'runtime folder removed', 'ledger torn')
  await scene.rests()
  scene.site.want({ ...scene.site.wanted, vms: { a: vm, b: vm } })
  await scene.rests()
  // Its user is not the next one that is free.
  scene.site.want({ ...scene.site.wanted, vms: { a: vm } })
  await scene.rests()
  const vmm = scene.vmm('a')!
  scene.host.kill()
  scene.host.files.unlink(vmm.spec.directory)
  for (const { path } of scene.host.files.everything(`${paths.ledger}/machines`)) scene.host.files.write(path, '{"ver')
  scene.host.start()
  await scene.rests()
  expect(scene.host.process.vmms()).toEqual([vmm])
  scene.host.process.kill(vmm.pid)
  await scene.rests()
  expect(scene.host.process.spawned).toHaveLength(3)
})

test('a VMM without its runtime folder that takes long to end keeps its TAP until it has', async () => {
  const scene = new Scene({ vms: { a: vm, b: vm } }, 'runtime folder removed')
  await scene.rests()
  const isHeld = () => scene.host.net.links().some(({ name, carrier }) => name === 'vm-a' && carrier)
  scene.host.process.hooks.death = () => ({ files: 5000, gone: 9000 })
  scene.host.files.unlink(scene.vmm('a')!.spec.directory)
  scene.site.want({ ...scene.site.wanted, vms: { b: vm } })
  const check = () => scene.oracles.check()
  expect(await scene.host.pass(4000, () => scene.vmm('a') === undefined, check)).toBe(true)
  expect(isHeld()).toBe(true)
  // Something that makes it look again.
  scene.host.net.setDown('br-n1')
  await scene.rests()
  expect(isHeld()).toBe(false)
})

test('a VMM that did not answer once is asked again before the next round', async () => {
  const scene = new Scene({ vms: { a: vm } }, 'QMP silent')
  await scene.rests()
  const vmm = scene.vmm('a')!
  let questions = 0
  scene.host.process.hooks.qmp = () => (++questions === 1 ? { kind: 'silent' } : null)
  vmm.panic()
  await scene.host.pass(
    45_000,
    () => scene.host.process.spawned.length > 1,
    () => scene.oracles.check(),
  )
  expect(scene.host.process.spawned).toHaveLength(2)
  await scene.rests()
  expect(questions).toBeGreaterThan(1)
})

test('a TAP that lost its alias goes with its VM though that failed once', async () => {
  const scene = new Scene({ vms: { a: vm, b: vm } })
  await scene.rests()
  let failures = 0
  scene.host.net.faults = {
    operationFails: ({ op }) => {
      if (op !== 'removeLink' || ++failures > 1) return null
      scene.host.net.setAlias('vm-a', '')
      return 'not now'
    },
  }
  scene.site.want({ ...scene.site.wanted, vms: { b: vm } })
  await scene.rests()
  expect(failures).toBeGreaterThan(1)
})

test('a VM that goes is known by its TAP, too, when its runtime folder and the ledger are lost', async () => {
  const scene = new Scene({ vms: { a: vm, b: vm } }, 'runtime folder removed', 'ledger removed')
  await scene.rests()
  const { files, hooks } = scene.host
  files.unlink(scene.vmm('a')!.spec.directory)
  hooks.fate = ({ name }) => (name === 'process.signal' ? 'before' : 'lives')
  scene.site.want({ ...scene.site.wanted, vms: { b: vm } })
  const isOver = () => scene.host.life === null
  expect(await scene.host.pass(20_000, isOver, () => scene.oracles.check())).toBe(true)
  hooks.fate = () => 'lives'
  files.unlink(paths.ledger)
  scene.host.start()
  await scene.rests()
  expect(scene.vmm('a')).toBeUndefined()
})

test('a bridge without its alias goes when nobody wants it any more', async () => {
  const scene = new Scene({ vms: { a: vm } })
  await scene.rests()
  let failures = 0
  scene.host.net.faults = {
    operationFails: (operation) => {
      if (operation.op !== 'removeLink' || operation.name !== 'br-n1' || ++failures > 1) return null
      scene.host.net.setAlias('br-n1', '')
      return 'not now'
    },
  }
  scene.site.want({ ...scene.site.wanted, vms: {} })
  await scene.rests()
  expect(failures).toBeGreaterThan(1)
})

test('a VM that is started as it was accepted last goes for what is wanted since', async () => {
  const scene = new Scene({ vms: { a: vm } })
  await scene.rests()
  scene.site.reboot(false)
  scene.site.want({ ...scene.site.wanted, vms: { a: { ...vm, memory: 80 } } })
  await scene.host.pass(20_000, undefined, () => scene.oracles.check())
  scene.site.unmount()
  scene.host.start()
  await scene.rests()
  expect(scene.host.process.spawned).toHaveLength(3)
  // What was read is no reason any more.
  const { pid, spec } = scene.vmm('a')!
  scene.host.note(`stream.write ${spec.directory}/qmp.sock {"execute":"system_powerdown"}`)
  scene.host.process.kill(pid)
  await scene.host.pass(5000, undefined, () => scene.oracles.check())
  expect(scene.oracles.broken).toEqual(['I9: a was restarted without a reason'])
})

test('a VM of strategy Once that is asked to go while nothing tells yet that it was killed is started again', async () => {
  const once = { ...vm, strategy: 'Once' } as const
  const scene = new Scene({ vms: { a: once } })
  await scene.rests()
  scene.host.process.hooks.death = () => ({ files: 400, gone: 2000 })
  scene.host.process.kill(scene.vmm('a')!.pid)
  scene.site.want({ ...scene.site.wanted, vms: { a: { ...once, token: 2 } } })
  await scene.rests()
  expect(scene.host.process.spawned).toHaveLength(2)
})

test('a VM of strategy Once that nobody asked to go ended by itself', async () => {
  const scene = new Scene({ vms: { a: { ...vm, strategy: 'Once' } } })
  await scene.rests()
  const { spec, pid } = scene.vmm('a')!
  scene.host.process.kill(pid)
  await scene.host.pass(5000, undefined, () => scene.oracles.check())
  expect(scene.host.process.spawned).toHaveLength(1)
  // What no controller may do.
  scene.host.files.folder(spec.directory)
  scene.host.process.spawn({ ...spec, listeners: [] }, new AbortController().signal).catch(() => {})
  await scene.host.pass(5, undefined, () => scene.oracles.check())
  expect(scene.oracles.broken).toContain('I9: a is Once, had ended by itself and was started again')
})

test('a VM that ended twice keeps its pause though its folder was left without its record', async () => {
  const scene = new Scene({ vms: { a: vm } }, 'guest panics')
  await scene.rests()
  const check = () => scene.oracles.check()
  scene.vmm('a')!.panic()
  await scene.host.pass(5000, undefined, check)
  const second = scene.vmm('a')!
  let isRecordGone = false
  scene.host.hooks.fate = ({ name, about }) => {
    if (isRecordGone && name === 'files.removeDirectory') return 'before'
    isRecordGone ||= name === 'files.remove' && about === `${second.spec.directory}/machine.json`
    return 'lives'
  }
  second.panic()
  const isOver = () => scene.host.life === null
  expect(await scene.host.pass(5000, isOver, check)).toBe(true)
  scene.host.hooks.fate = () => 'lives'
  expect(scene.host.has(second.spec.directory)).toBe(true)
  scene.host.start()
  await scene.host.pass(3000, undefined, check)
  expect(scene.oracles.broken).toEqual([])
  expect(scene.vmm('a')).toBeUndefined()
  await scene.rests()
})

test.each(['Once', 'Manual'] as const)(
  'a %s VM of which no start succeeded is tried again after a reboot',
  async (strategy) => {
    const scene = new Scene({ vms: { a: { ...vm, strategy: 'Always' } } })
    const { process } = scene.host
    process.hooks.open = () => 'qemu: cannot allocate memory'
    await scene.host.pass(5000)
    // A wish that was on stays on when it becomes Manual.
    scene.site.want({ ...scene.site.wanted, vms: { a: { ...vm, strategy } } })
    await scene.host.pass(25_000)
    expect(process.spawned.length).toBeGreaterThan(1)
    process.hooks.open = () => null
    scene.site.reboot(false)
    scene.host.start()
    await scene.rests()
    expect(scene.vmm('a')?.up).toBe(true)
  },
)
