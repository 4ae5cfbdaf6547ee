import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { beforeEach, type TestContext } from 'vitest'
import type { Readiness } from '../../src/host/machine/context.ts'
import { idOf } from '../../src/host/machine/runtime.ts'
import { type MachineHost, machineHost } from '../../src/host/machine-host.ts'
import type { Boot, Link, Machine, ObservedMachine } from '../../src/host-state.ts'
import type { Driver, HostFeatures } from '../../src/hypervisor/driver.ts'
import { qemu } from '../../src/hypervisor/qemu.ts'
import type { StartedRecord } from '../../src/ledger.ts'
import type { World } from '../../src/world/world.ts'
import { hostWorld } from './host-world.ts'
import { needsNamespace } from './namespace.ts'

/** The guest of examples/guest as `npm test` has built it. */
export const guestFolder = resolve(import.meta.dirname, '../..', process.env.MOORAGE_CACHE || '.cache', 'guest')

export const never = new AbortController().signal

const program = '/usr/bin/qemu-system-x86_64'

function needsGuest(context: TestContext): void {
  context.skip(!existsSync(join(guestFolder, 'root.erofs')), `needs the guest in ${guestFolder}; npm test builds it`)
  context.skip(!existsSync(program), `needs ${program}; apt install qemu-system-x86`)
}

export const features: HostFeatures = {
  architecture: 'amd64',
  programs: { 'qemu-system-x86_64': { path: program, version: '7.2' } },
  kvm: { usable: false, why: 'these tests run under TCG', group: null },
  ...tsc(),
}

function tsc(): { tscKhz?: number } {
  const mhz = /^cpu MHz\s*: ([\d.]+)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]
  return mhz ? { tscKhz: Math.round(Number(mhz) * 1000) } : {}
}

/** A machine host that looks as a controller does whose every VM has the same readiness probe. */
export interface LabHost extends MachineHost {
  look(links?: readonly Link[]): Promise<readonly ObservedMachine[]>
}

/** A root directory of a test's own, with machine hosts on it. */
export interface Stage {
  readonly root: string
  readonly run: string
  readonly world: World
  /** A machine host as a controller that has just started has one; `script` runs in its guests. */
  host(options?: { script?: string; readiness?: Readiness | null; driver?: Driver }): LabHost
  /** Ends every VMM of this stage and removes the folder. */
  close(): Promise<void>
}

/** First Unix uid of this process's VMs; each VM takes the next one. */
let nextUser = 800_000 + (process.pid % 1000) * 100

function newStage(): Stage {
  const root = mkdtempSync('/tmp/moorage-host-')
  chmodSync(root, 0o711)
  const world = hostWorld()
  const hosts: MachineHost[] = []
  const firstUser = nextUser
  return {
    root,
    run: `${root}/run`,
    world,
    host({ script, readiness = null, driver = qemu } = {}) {
      const host = machineHost({
        world,
        paths: { run: `${root}/run` },
        features: () => features,
        log: { warn: (data, message) => console.warn(message, data), info: () => {} },
        driverOf: () => (script === undefined ? driver : withScript(driver, root, script)),
      })
      hosts.push(host)
      return { ...host, look: (links = []) => host.observe({}, links, () => readiness, never) }
    },
    async close() {
      for (const host of hosts) host.close()
      const users = new Set(Array.from({ length: nextUser - firstUser }, (_, index) => firstUser + index))
      for (const vmm of await world.process.list(users)) await world.process.signal(vmm, 'SIGKILL')
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/**
 * A stage for each test of a file, which is skipped where it cannot be; `why`: what it needs a namespace for. What `use`
 * answers is called when the stage is closed.
 */
export function stageEach(why: string, use: (stage: Stage) => undefined | (() => void)): void {
  beforeEach((context) => {
    needsNamespace(context as never, why)
    needsGuest(context as never)
    const stage = newStage()
    const clear = use(stage)
    return async () => {
      await stage.close()
      clear?.()
    }
  })
}

/** The driver, with a file for the guest's moorage-test.service. Product code has no way to pass one. */
function withScript(driver: Driver, root: string, script: string): Driver {
  const path = `${root}/script`
  writeFileSync(path, script, { mode: 0o644 })
  return {
    ...driver,
    command(boot, place) {
      const command = driver.command(boot, place)
      return { ...command, argv: [...command.argv, '-fw_cfg', `name=opt/moorage.test/script,file=${path}`] }
    },
  }
}

/** A machine that boots the guest image. */
export function newMachine(name: string, boot: Partial<Boot> = {}): Machine {
  const uid = randomUUID()
  nextUser += 1
  return {
    owner: { kind: 'MicroVM', namespace: 'default', name },
    uid,
    id: idOf(uid),
    user: nextUser - 1,
    runStrategy: 'Always',
    power: 'on',
    blocked: null,
    boot: {
      hypervisor: 'qemu',
      qemu: { machine: 'q35', accel: 'tcg' },
      name: `default.${name}`,
      uuid: uid,
      vcpu: 1,
      memory: 256 << 20,
      architecture: 'amd64',
      kernel: join(guestFolder, 'vmlinuz'),
      initrd: join(guestFolder, 'initrd'),
      cmdline: `console=ttyS0 quiet panic=-1 net.ifnames=0 systemd.firstboot=0 moorage.test systemd.hostname=${name}`,
      disks: [{ name: 'root', path: join(guestFolder, 'root.erofs'), readOnly: true, volume: null }],
      nics: [],
      credentials: [],
      oemStrings: [],
      ...boot,
    },
    digests: { compute: '', image: '', guest: '', disks: '', network: '', restart: '' },
    credentials: null,
    secrets: [],
    graceSeconds: 30,
  }
}

export function startedNow(world: World): StartedRecord {
  const digests = { compute: '', image: '', guest: '', disks: '', network: '', restart: '' }
  return {
    incarnation: Buffer.from(world.random.bytes(4)).toString('hex'),
    at: world.clock.now(),
    bootId: world.process.bootId(),
    schema: 1,
    digests,
    credentials: null,
    powerOff: { method: 'qmp-powerdown', graceSeconds: 30 },
    accel: 'tcg',
    carried: {
      addresses: {},
      power: { wish: 'on', strategy: 'Always' },
      restartRequest: null,
      operations: [],
      restarts: { count: 0, last: null },
    },
    ended: null,
  }
}

/** What is seen of one machine; undefined when it is not there. */
export async function see(
  host: LabHost,
  { uid }: Machine,
  links: readonly Link[] = [],
): Promise<ObservedMachine | undefined> {
  return (await host.look(links)).find((machine) => machine.uid === uid)
}

/** Looks until `done` says so; fails with what was seen last. */
export async function until<T>(
  what: string,
  seconds: number,
  look: () => T | Promise<T>,
  done: (seen: T) => boolean,
): Promise<T> {
  const end = performance.now() + seconds * 1000
  for (;;) {
    const seen = await look()
    if (done(seen)) return seen
    if (performance.now() > end) throw new Error(`${what}: not within ${seconds} s; last seen: ${JSON.stringify(seen)}`)
    await delay(20)
  }
}

export function consoleOf(stage: Stage, { id }: Machine): string {
  const path = `${stage.run}/vms/${id}/console.log`
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}

/** Waits for text on the console. */
export async function said(stage: Stage, machine: Machine, text: string | RegExp, seconds = 60): Promise<string> {
  const has = (log: string) => (typeof text === 'string' ? log.includes(text) : text.test(log))
  return await until(`console of ${machine.boot.name}: ${text}`, seconds, () => consoleOf(stage, machine), has)
}

/** ip(8) in the namespace the tests run in; one batch. */
export function ip(...lines: string[]): void {
  execFileSync('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` })
}

/** True when the guest at that address takes a connection on port 22, which the guest image does. */
export async function answers({ world }: Stage, address: string): Promise<boolean> {
  return await world.stream.reachTcp(address, 22, 500, never)
}
