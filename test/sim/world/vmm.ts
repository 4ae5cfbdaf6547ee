import type { Clock } from '../../../src/world/clock.ts'
import type { SpawnSpec } from '../../../src/world/process.ts'
import type { MemoryFiles } from '../../world/memory-files.ts'

import { type GuestBehavior, plainGuest } from './guest-behavior.ts'
import type { ReachedGuest } from './stream.ts'
import type { SimSocket } from './stream-socket.ts'
import type { Taps } from './taps.ts'
import { append } from './vmm-access.ts'
import { parseArgv, VmmExit, type VmmPlan } from './vmm-argv.ts'
import type { ImageLocks } from './vmm-locks.ts'
import { Netdevs } from './vmm-netdevs.ts'
import { openAll, type VmmLogs } from './vmm-open.ts'
import { type Arguments, eventLine, greeting, Monitor, type QmpFault, QmpRefusal } from './vmm-qmp.ts'
import { PausableTimers } from './vmm-timers.ts'

/** QEMU's RunState, as far as a VMM here gets. */
export type RunState = 'prelaunch' | 'running' | 'paused' | 'shutdown' | 'guest-panicked' | 'io-error'

/** Milliseconds from exec(2). */
export interface VmmTimes {
  /** It accepts on QMP and greets; that may be before it has read its files. */
  readonly greeting: number
  /** It opens everything it was told of, or dies of it; from then on it answers. */
  readonly open: number
  /** From `quit` or SIGTERM to its end. */
  readonly exit: number
}

export const plainTimes: VmmTimes = { greeting: 5, open: 10, exit: 3 }

/** Faults of VMMs, asked each time; to be replaced at any moment. */
export interface VmmHooks {
  /** What becomes of a QMP command; null: what should. */
  qmp: (vmm: SimVmm, command: string, args: Arguments) => QmpFault | null
  /** Milliseconds by which a greeting is late; `never`. */
  greeting: (vmm: SimVmm) => number | 'never'
  /** Words with which it dies instead of opening its files; null: it opens them. */
  open: (vmm: SimVmm) => string | null
  /** When it greets and opens. */
  times: (spec: SpawnSpec) => VmmTimes
  /** How its guest behaves. */
  guest: (plan: VmmPlan) => Partial<GuestBehavior>
}

export function plainHooks(): VmmHooks {
  return { qmp: () => null, greeting: () => 0, open: () => null, times: () => plainTimes, guest: () => ({}) }
}

/** What a VMM has of the world around it. */
export interface VmmDeps {
  readonly pid: number
  readonly spec: SpawnSpec
  readonly files: MemoryFiles
  readonly clock: Clock
  readonly taps: Taps
  readonly locks: ImageLocks
  readonly hooks: VmmHooks
  /** What it inherited, in order. */
  readonly sockets: readonly SimSocket[]
  /** Whether frames pass between the host and that TAP. */
  readonly passes: (tap: string) => boolean
  /** Writes to its stdout and stderr. */
  readonly print: (text: string) => void
  /** Called once, when it ends by itself. */
  readonly ended: (code: number) => void
}

/**
 * One QEMU as Moorage draws it, with its guest. It opens what its argv says, speaks QMP, writes its journal and its
 * console, and holds its sockets until it is released.
 */
export class SimVmm implements ReachedGuest {
  readonly pid: number
  readonly spec: SpawnSpec
  /** Null when its argv was none that QEMU takes. */
  readonly plan: VmmPlan | null
  /** Changed at will; the next boot, press or probe goes by it. */
  guest: GuestBehavior = plainGuest
  /** What it read as credentials and OEM strings at its start, by path. */
  readonly credentials = new Map<string, Uint8Array>()
  /** Powers of the guest: how often it came up, and how often its button was pressed. */
  boots = 0
  presses = 0
  readonly #deps: VmmDeps
  readonly #timers: PausableTimers
  readonly #guestTimers: PausableTimers
  readonly #netdevs: Netdevs
  readonly #unlocks: (() => void)[] = []
  readonly #refusal: string | null
  #monitor: Monitor | null = null
  #logs: VmmLogs | null = null
  #state: RunState = 'prelaunch'
  #opened = false
  #hung = false
  #over = false
  #up = false
  #alive = true
  #leaving = false
  #pressed = false
  #diskFull = false
  #eventAt = 0

  constructor(deps: VmmDeps) {
    this.#deps = deps
    this.pid = deps.pid
    this.spec = deps.spec
    this.#timers = new PausableTimers(deps.clock, true)
    this.#guestTimers = new PausableTimers(deps.clock, false)
    this.#netdevs = new Netdevs(deps.taps, deps.spec.uid)
    const { plan, refusal } = planOf(deps.spec.argv)
    this.plan = plan
    this.#refusal = refusal
    if (plan) this.guest = { ...plainGuest, ...deps.hooks.guest(plan) }
  }

  // --- what can be seen ---------------------------------------------------------------------------------------------

  get state(): RunState {
    return this.#state
  }

  /** The guest's services run. */
  get up(): boolean {
    return this.#up && this.#state === 'running' && !this.#hung && !this.#over
  }

  /** Its sockets are still held: nothing tells of its end yet. */
  get held(): boolean {
    return this.#deps.sockets.some((socket) => socket.held)
  }

  get name(): string {
    return this.plan?.name ?? ''
  }

  /** Whether a frame to that address of its guest arrives: TAP, hub, bridge and guest are all there. */
  reachedAt(address: string): boolean {
    if (!this.up || !this.plan) return false
    for (const [index, own] of this.plan.addresses) {
      if (own !== address) continue
      const nic = this.plan.nics[index]
      const tap = nic ? this.#netdevs.tapOf(nic.netdev) : null
      if (tap !== null && this.#deps.passes(tap)) return true
    }
    return false
  }

  tcp(port: number): boolean {
    return this.guest.tcp(port)
  }

  status(port: number, path: string): number | null {
    return this.guest.status(port, path)
  }

  // --- the guest, and things that happen to it ----------------------------------------------------------------------

  /** The guest powers itself off; its VMM stays, as its argv says. */
  powerOff(): void {
    if (!this.#runs()) return
    this.#emit('SHUTDOWN', { guest: true, reason: 'guest-shutdown' })
    this.#halt('shutdown')
  }

  /** The guest reboots in place. */
  reboot(): void {
    if (!this.#runs()) return
    this.#emit('RESET', { guest: true, reason: 'guest-reset' })
    this.#bootAnew()
  }

  panic(): void {
    if (!this.#runs()) return
    this.#emit('GUEST_PANICKED', { action: 'pause' })
    this.#alive = false
    this.#up = false
    this.#guestTimers.clear()
    this.#halt('guest-panicked')
  }

  /** The guest prints to its console. */
  write(text: string): void {
    if (!this.#over && this.#logs) append(this.#logs.console, text, this.#deps.clock.now())
  }

  /** A disk of it takes no bytes: the guest waits, and goes on waiting when it is told to go on, until `emptyDisk`. */
  fillDisk(): void {
    this.#diskFull = true
    if (this.#runs()) this.#relapse()
  }

  emptyDisk(): void {
    this.#diskFull = false
  }

  /** The whole process stands still, as under SIGSTOP: no answer, no tick of its guest. Its sockets go on queueing. */
  hang(): void {
    this.#hung = true
    this.#timers.pause()
    this.#guestTimers.pause()
  }

  /** It stands still. */
  get hung(): boolean {
    return this.#hung
  }

  thaw(): void {
    if (!this.#hung || this.#over) return
    this.#hung = false
    this.#timers.resume()
    if (this.#state === 'running') this.#guestTimers.resume()
    this.#monitor?.next()
    this.#monitor?.pump()
  }

  /** Says the greeting that a hook has held back for ever. */
  greet(): void {
    this.#monitor?.greet()
  }

  /** It dies of a signal of its own, without a word. */
  crash(): void {
    if (!this.#over) this.#deps.ended(128 + 11)
  }

  // --- the process table's side -------------------------------------------------------------------------------------

  /** exec(2) is done. */
  begin(): void {
    const times = this.#deps.hooks.times(this.spec)
    this.#timers.after(times.open, () => this.#open())
    for (const socket of this.#deps.sockets) socket.hold(this)
    const qmp = this.plan && this.#deps.sockets[this.plan.qmp]
    if (!qmp) return
    this.#monitor = new Monitor(qmp, {
      execute: (command, args) => this.#execute(command, args),
      awake: () => !this.#hung && !this.#over,
      ready: () => this.#opened && !this.#hung && !this.#over,
      after: (milliseconds, run) => this.#timers.after(milliseconds, run),
      faultOf: (command, args) => this.#deps.hooks.qmp(this, command, args),
      greetingFault: () => this.#deps.hooks.greeting(this),
    })
    this.#timers.after(times.greeting, () => this.#monitor?.open())
  }

  /** Somebody connected. Nobody ever accepts on the life socket; the console takes one client, whom nobody reads here. */
  knock(): void {
    if (!this.#hung && !this.#over) this.#monitor?.next()
  }

  /** SIGTERM: ends in order, unless it stands still. */
  terminate(): void {
    if (this.#hung || this.#over || this.#leaving) return
    this.#deps.print('qemu-system-x86_64: terminating on signal 15\n')
    this.#leave('host-signal', 0)
  }

  /** Nothing of it runs any more; what it holds it still holds. */
  halt(): void {
    this.#over = true
    this.#timers.clear()
    this.#guestTimers.clear()
  }

  /** Everything it held is free: sockets, TAPs, locks. */
  release(): void {
    this.halt()
    this.#netdevs.close()
    for (const unlock of this.#unlocks.splice(0)) unlock()
    for (const socket of this.#deps.sockets) socket.letGo(this)
  }

  // --- within -------------------------------------------------------------------------------------------------------

  #runs(): boolean {
    return this.#state === 'running' && !this.#hung && !this.#over && this.#alive
  }

  #open(): void {
    try {
      const fault = this.#refusal ?? this.#deps.hooks.open(this)
      if (fault !== null) throw new VmmExit(fault)
      if (!this.#monitor) throw new VmmExit('-chardev socket,id=qmp: fd is not a socket')
      const { files, locks } = this.#deps
      const opener = { files, locks, pid: this.pid, who: this.spec }
      this.#logs = openAll(this.plan!, opener, this.#netdevs, this.credentials, this.#unlocks)
    } catch (error) {
      if (!(error instanceof VmmExit)) throw error
      this.#deps.print(`${error.message.startsWith('qemu:') ? '' : 'qemu-system-x86_64: '}${error.message}\n`)
      this.#deps.ended(1)
      return
    }
    this.#opened = true
    this.#log(`${greeting}{"return": {}}\r\n`)
    if (!this.plan!.paused) this.#run()
    this.#monitor?.pump()
  }

  #execute(command: string, args: Arguments): unknown {
    const does = commands[command]
    if (!does) throw new QmpRefusal('CommandNotFound', `The command ${command} has not been found`)
    return does(this.#control, args) ?? {}
  }

  /** What QMP commands do, by name; {@link commands} has the words. */
  readonly #control: VmmControl = {
    status: () => ({ status: this.#state, singlestep: false, running: this.#state === 'running' }),
    cont: () => {
      if (this.#state === 'shutdown') {
        throw new QmpRefusal('GenericError', 'Resetting the Virtual Machine is required')
      }
      if (this.#state !== 'running') this.#run()
    },
    stop: () => {
      if (this.#state === 'running') this.#halt('paused')
    },
    press: () => {
      this.presses += 1
      this.#emit('POWERDOWN')
      this.#pressed = true
      if (this.#state === 'running') this.#hear()
    },
    reset: () => {
      this.#emit('RESET', { guest: false, reason: 'host-qmp-system-reset' })
      if (this.#state !== 'running') this.#state = 'prelaunch'
      this.#bootAnew()
    },
    quit: () => this.#leave('host-qmp-quit', 0),
    addNetdev: (args) => {
      const text = (key: string) => (args[key] === undefined ? null : String(args[key]))
      this.#netdevs.add(text('id') ?? '', text('type') ?? '', text)
    },
    removeNetdev: (args) => this.#netdevs.remove(String(args.id)),
  }

  #run(): void {
    this.#state = 'running'
    this.#emit('RESUME')
    this.#guestTimers.resume()
    if (this.boots === 0) this.#boot()
    if (this.#pressed) this.#hear()
    if (this.#diskFull) this.#guestTimers.after(relapseTime, () => this.#runs() && this.#diskFull && this.#relapse())
  }

  #halt(state: RunState): void {
    this.#state = state
    this.#guestTimers.pause()
    this.#emit('STOP')
  }

  #relapse(): void {
    this.#emit('BLOCK_IO_ERROR', {
      device: '',
      operation: 'write',
      action: 'stop',
      nospace: true,
      reason: 'No space left on device',
    })
    this.#halt('io-error')
  }

  /** From the first instruction. */
  #boot(): void {
    this.boots += 1
    this.#guestTimers.after(this.guest.boot, () => {
      this.#up = true
      this.write(`${this.guest.line}\r\n`)
    })
  }

  #bootAnew(): void {
    this.#guestTimers.clear()
    this.#up = false
    this.#alive = true
    this.#pressed = false
    this.#boot()
    // SeaBIOS resets once more by itself before it boots; see journal.ts.
    if (this.plan?.machine === 'q35') {
      this.#guestTimers.after(echoTime, () => this.#emit('RESET', { guest: true, reason: 'guest-reset' }))
    }
  }

  /** CPUs that stand still hear a press later; a guest that is not up never. */
  #hear(): void {
    this.#pressed = false
    const { button } = this.guest
    if (!this.#up || button === 'ignored') return
    this.#guestTimers.after(button, () => this.powerOff())
  }

  /** Ends by order from outside. */
  #leave(reason: string, code: number): void {
    if (this.#leaving) return
    this.#leaving = true
    this.#up = false
    this.#guestTimers.clear()
    this.#emit('SHUTDOWN', { guest: false, reason })
    this.#timers.after(this.#deps.hooks.times(this.spec).exit, () => this.#deps.ended(code))
  }

  #emit(name: string, data: object | null = null): void {
    // Two events of one millisecond differ, as on a real clock.
    const now = Math.floor(this.#deps.clock.now()) * 1000
    this.#eventAt = Math.floor(this.#eventAt / 1000) * 1000 === now ? this.#eventAt + 1 : now
    const line = eventLine(name, data, this.#eventAt)
    this.#log(line)
    this.#monitor?.tell(line)
  }

  #log(text: string): void {
    if (this.#logs) append(this.#logs.journal, text, this.#deps.clock.now())
  }
}

/** Milliseconds between a guest's reset and the firmware's own. */
const echoTime = 20

/** Milliseconds until a guest whose disk is full writes again. */
const relapseTime = 5

interface VmmControl {
  status(): object
  cont(): void
  stop(): void
  press(): void
  reset(): void
  quit(): void
  addNetdev(args: Arguments): void
  removeNetdev(args: Arguments): void
}

const commands: Readonly<Record<string, (vmm: VmmControl, args: Arguments) => unknown>> = {
  'query-status': (vmm) => vmm.status(),
  cont: (vmm) => vmm.cont(),
  stop: (vmm) => vmm.stop(),
  system_powerdown: (vmm) => vmm.press(),
  system_reset: (vmm) => vmm.reset(),
  quit: (vmm) => vmm.quit(),
  netdev_add: (vmm, args) => vmm.addNetdev(args),
  netdev_del: (vmm, args) => vmm.removeNetdev(args),
}

function planOf(argv: readonly string[]): { plan: VmmPlan | null; refusal: string | null } {
  try {
    return { plan: parseArgv(argv), refusal: null }
  } catch (error) {
    if (!(error instanceof VmmExit)) throw error
    return { plan: null, refusal: error.message }
  }
}
