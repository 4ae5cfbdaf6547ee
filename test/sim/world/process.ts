import type { Clock } from '../../../src/world/clock.ts'
import type { Process, ProcessIdentity, RunResult, RunSpec, SpawnSpec } from '../../../src/world/process.ts'
import type { MemoryFiles } from '../../world/memory-files.ts'
import type { FileNode } from '../../world/memory-tree.ts'
import { plainTools, said, type Tool } from './process-tools.ts'
import type { ReachedGuest, SimStream } from './stream.ts'
import type { SimSocket } from './stream-socket.ts'
import type { Taps } from './taps.ts'
import { plainHooks, SimVmm, type VmmHooks } from './vmm.ts'
import { append, wordsOf } from './vmm-access.ts'
import { ImageLocks } from './vmm-locks.ts'

export interface SimProcessOptions {
  readonly files: MemoryFiles
  readonly clock: Clock
  readonly stream: SimStream
  readonly taps: Taps
  /** Executables that are QEMUs; each is put into `files` when it is not there. */
  readonly hypervisors?: readonly string[]
  /** Pids are given from `first` to `last` and then from `first` again, those in use passed over. */
  readonly pids?: { readonly first: number; readonly last: number }
  /** Whether frames pass between the host and that TAP: it is up, on its bridge, and the bridge is up. */
  readonly passes?: (tap: string) => boolean
}

/** Milliseconds from a SIGKILL until the files are closed, and from then until it is gone; `never`: stuck in the kernel. */
export type Death = { readonly files: number; readonly gone: number } | 'never'

/** Faults of processes; to be replaced at any moment. */
export interface ProcessHooks extends VmmHooks {
  /** Before a fork; what it throws is what `spawn` throws. */
  spawn: (spec: SpawnSpec) => void
  /** Instead of a tool: a result, an error to throw, `hang` (ends at its timeout); null: the tool runs. */
  run: (spec: RunSpec) => RunResult | Error | 'hang' | null
  /** Before a listing and a signal. */
  list: () => void
  signal: (identity: ProcessIdentity, name: string) => void
  death: (identity: ProcessIdentity) => Death
}

/** What another program does that is spawned: it holds what it inherits, or ends at once. */
export type Program = 'holds' | { readonly code: number; readonly words: string }

/** A signal of the controller that hit a process which is none of its own. */
export interface Violation {
  readonly identity: ProcessIdentity
  readonly signal: string
}

interface Row {
  identity: ProcessIdentity
  readonly foreign: boolean
  readonly vmm: SimVmm | null
  readonly sockets: readonly SimSocket[]
  readonly output: FileNode | null
  /** Bytes of `output` that were there before. */
  readonly before: number
  dying: boolean
  /** Exit code, or null while it has not ended. */
  code: number | null
  knock(socket: SimSocket): void
}

/** Milliseconds from fork(2) to exec(2), and until the caller sees it. */
const execTime = 1
const seenTime = 2

const launcher = '/usr/bin/setpriv'

/**
 * The processes of a simulated host. The port is the controller's; `startForeign`, `kill` and `reboot` are somebody
 * else's. A hypervisor that is spawned is a {@link SimVmm}.
 */
export class SimProcess implements Process {
  hooks: ProcessHooks = {
    ...plainHooks(),
    spawn: () => {},
    run: () => null,
    list: () => {},
    signal: () => {},
    death: () => ({ files: 1, gone: 1 }),
  }
  readonly tools: Map<string, Tool>
  /** Other programs that may be spawned, by path. */
  readonly programs = new Map<string, Program>()
  readonly violations: Violation[] = []
  readonly locks = new ImageLocks()
  /** Every VMM that was ever spawned, dead ones too, in order. */
  readonly spawned: SimVmm[] = []
  readonly #options: SimProcessOptions
  readonly #hypervisors: ReadonlySet<string>
  readonly #first: number
  readonly #last: number
  readonly #rows = new Map<number, Row>()
  readonly #lastStart = new Map<number, number>()
  #next: number
  #controllers = 1
  #boots = 1
  #bootedAt: number

  constructor(options: SimProcessOptions) {
    const { files, clock, stream, hypervisors = ['/usr/bin/qemu-system-x86_64'] } = options
    this.#options = options
    this.#hypervisors = new Set(hypervisors)
    for (const path of hypervisors) if (files.text(path) === null) files.write(path, '', 0o755)
    const { first, last } = options.pids ?? { first: 300, last: 330 }
    this.#first = first
    this.#last = last
    this.#next = first
    this.#bootedAt = clock.monotonic()
    this.tools = plainTools(files)
    stream.guestAt = (address) => this.guestAt(address)
  }

  // --- the port -----------------------------------------------------------------------------------------------------

  bootId(): string {
    return `5eed0000-0000-4000-8000-${String(this.#boots).padStart(12, '0')}`
  }

  async spawn(spec: SpawnSpec, signal: AbortSignal): Promise<ProcessIdentity> {
    try {
      signal.throwIfAborted()
      this.hooks.spawn(spec)
      const row = this.#fork(spec)
      releaseAll(spec)
      return await this.#untilItRuns(row, spec, signal)
    } finally {
      releaseAll(spec)
    }
  }

  async run(spec: RunSpec, signal: AbortSignal): Promise<RunResult> {
    signal.throwIfAborted()
    const fault = this.hooks.run(spec)
    if (fault === 'hang') {
      await this.#options.clock.sleep(spec.timeout, signal)
      throw new Error(`${nameOf(spec.argv)} took more than ${spec.timeout} ms and was ended; see why it hangs`)
    }
    if (fault instanceof Error) throw fault
    return fault ?? this.#tool(spec)(spec)
  }

  async list(uids: ReadonlySet<number>): Promise<readonly ProcessIdentity[]> {
    this.hooks.list()
    const found: ProcessIdentity[] = []
    for (const { identity } of this.#rows.values()) if (uids.has(identity.uid)) found.push(identity)
    return found.sort((a, b) => a.pid - b.pid)
  }

  async signal(identity: ProcessIdentity, name: 'SIGTERM' | 'SIGKILL'): Promise<boolean> {
    this.hooks.signal(identity, name)
    const row = this.#rows.get(identity.pid)
    if (!row || !isSame(row.identity, identity)) return false
    if (row.foreign) this.violations.push({ identity: row.identity, signal: name })
    if (name === 'SIGTERM' && row.vmm) row.vmm.terminate()
    else this.#kill(row, name === 'SIGTERM' ? 128 + 15 : 128 + 9)
    return true
  }

  // --- somebody else on the host ------------------------------------------------------------------------------------

  /** A process that is none of ours. */
  startForeign({
    executable,
    uid,
    directory = '/',
  }: {
    readonly executable: string
    readonly uid: number
    readonly directory?: string
  }): ProcessIdentity {
    const row = this.#enter(this.#identity(executable, uid, directory), {
      foreign: true,
      vmm: null,
      sockets: [],
      output: null,
      before: 0,
    })
    return row.identity
  }

  /** SIGKILL by pid, as an operator does; nothing when there is no such process. */
  kill(pid: number): void {
    const row = this.#rows.get(pid)
    if (row) this.#kill(row, 128 + 9)
  }

  /** The host goes down and comes up: no process is left, none said a word, and start times count anew. */
  reboot(): void {
    for (const row of [...this.#rows.values()]) this.#remove(row, 128 + 9)
    this.#boots += 1
    this.#bootedAt = this.#options.clock.monotonic()
    this.#lastStart.clear()
    this.#next = this.#first
  }

  // --- the simulation -----------------------------------------------------------------------------------------------

  /** The controller died: a spawn that was under way is nobody's any more, and its child goes on. */
  abandon(): void {
    this.#controllers += 1
  }

  /** VMMs that live, by pid. */
  vmms(): readonly SimVmm[] {
    const found: SimVmm[] = []
    for (const { vmm, dying } of this.#rows.values()) if (vmm && !dying) found.push(vmm)
    return found
  }

  /** Whether a process is still on its way out. */
  get ending(): boolean {
    return [...this.#rows.values()].some(({ dying }) => dying)
  }

  /** The VMM of that name (`namespace.name`) that was spawned last; undefined when none lives. */
  vmm(name: string): SimVmm | undefined {
    return this.vmms().findLast((vmm) => vmm.name === name)
  }

  /** The guest that a frame to that address reaches. */
  guestAt(address: string): ReachedGuest | null {
    for (const { vmm } of this.#rows.values()) if (vmm?.reachedAt(address)) return vmm
    return null
  }

  /** Lets a process go that was stuck in the kernel. */
  unstick(pid: number): void {
    const row = this.#rows.get(pid)
    if (row?.dying) this.#remove(row, row.code ?? 128 + 9)
  }

  #fork(spec: SpawnSpec): Row {
    const [program = ''] = spec.argv
    const { files, stream } = this.#options
    const output = openOutput(files, spec.output)
    const folder = files.at(spec.directory, true)
    if (folder?.type !== 'directory') {
      throw new Error(`${nameOf(spec.argv)} in ${spec.directory} cannot be started: no such file or directory`)
    }
    const sockets = spec.listeners.map((listener) => stream.socketOf(listener))
    const identity = this.#identity(launcher, spec.uid, spec.directory)
    const row = this.#enter(identity, {
      foreign: false,
      vmm: this.#hypervisors.has(program) ? this.#newVmm(spec, identity.pid, sockets, output) : null,
      sockets,
      output,
      before: output.size,
    })
    for (const socket of sockets) socket.hold(row)
    this.#options.clock.after(execTime, () => {
      if (this.#rows.get(identity.pid) === row && !row.dying) this.#exec(row, spec)
    })
    return row
  }

  /** The launcher makes way for the program itself. */
  #exec(row: Row, { argv }: SpawnSpec): void {
    const [program = ''] = argv
    const node = this.#nodeAt(program)
    const known = this.programs.get(program)
    if (row.vmm ? node?.type !== 'file' || (node.mode & 0o111) === 0 : known === undefined) {
      print(row, `setpriv: failed to execute ${program}: No such file or directory\n`, this.#options.clock.now())
      this.#remove(row, 127)
      return
    }
    row.identity = { ...row.identity, executable: program }
    if (known !== undefined && known !== 'holds') {
      print(row, `${known.words}\n`, this.#options.clock.now())
      this.#remove(row, known.code)
      return
    }
    row.vmm?.begin()
  }

  async #untilItRuns(row: Row, spec: SpawnSpec, signal: AbortSignal): Promise<ProcessIdentity> {
    const controller = this.#controllers
    try {
      await this.#options.clock.sleep(seenTime, signal)
      signal.throwIfAborted()
    } catch (error) {
      if (row.code === null && controller === this.#controllers) this.#kill(row, 128 + 9)
      throw error
    }
    if (row.code === null) return row.identity
    const words = new TextDecoder().decode(row.output?.bytes.subarray(row.before)).trim().slice(0, 2000)
    const cause = `${nameOf(spec.argv)} in ${spec.directory} ended at once with code ${row.code}`
    throw new Error(words === '' ? cause : `${cause}: ${words}`)
  }

  #newVmm(spec: SpawnSpec, pid: number, sockets: readonly SimSocket[], output: FileNode): SimVmm {
    const { files, clock, taps, passes = () => true } = this.#options
    const hooks: VmmHooks = {
      qmp: (vmm, command, args) => this.hooks.qmp(vmm, command, args),
      greeting: (vmm) => this.hooks.greeting(vmm),
      open: (vmm) => this.hooks.open(vmm),
      times: (given) => this.hooks.times(given),
      guest: (plan) => this.hooks.guest(plan),
    }
    const vmm: SimVmm = new SimVmm({
      ...{ pid, spec, files, clock, taps, locks: this.locks, hooks, sockets, passes },
      print: (text) => append(output, text, clock.now()),
      ended: (code) => {
        const row = this.#rows.get(pid)
        if (row?.vmm === vmm && !row.dying) this.#remove(row, code)
      },
    })
    this.spawned.push(vmm)
    return vmm
  }

  #enter(identity: ProcessIdentity, more: Pick<Row, 'foreign' | 'vmm' | 'sockets' | 'output' | 'before'>): Row {
    const row: Row = { identity, ...more, dying: false, code: null, knock: () => {} }
    this.#rows.set(identity.pid, row)
    return row
  }

  #identity(executable: string, uid: number, directory: string): ProcessIdentity {
    const pid = this.#newPid()
    const now = Math.floor((this.#options.clock.monotonic() - this.#bootedAt) / millisecondsOfTick)
    // A range as small as this comes round within one tick, which no real one does.
    const startTime = Math.max(now, (this.#lastStart.get(pid) ?? -1) + 1)
    this.#lastStart.set(pid, startTime)
    return { pid, startTime, bootId: this.bootId(), uid, executable, directory }
  }

  #newPid(): number {
    for (let tried = this.#first; tried <= this.#last; tried++) {
      const pid = this.#next
      this.#next = pid === this.#last ? this.#first : pid + 1
      if (!this.#rows.has(pid)) return pid
    }
    throw new Error('spawn setpriv EAGAIN')
  }

  /** It loses its executable first, then its files, and its folder last; see src/host/machine/vmm.ts. */
  #kill(row: Row, code: number): void {
    if (row.dying) return
    row.vmm?.halt()
    const death = this.hooks.death(row.identity)
    row.dying = true
    row.code = code
    row.identity = { ...row.identity, executable: '' }
    if (death === 'never') return
    const { clock } = this.#options
    clock.after(death.files, () => {
      if (this.#rows.get(row.identity.pid) !== row) return
      this.#release(row)
      clock.after(death.gone, () => this.#remove(row, code))
    })
  }

  #remove(row: Row, code: number): void {
    if (this.#rows.get(row.identity.pid) !== row) return
    row.dying = true
    row.code ??= code
    this.#rows.delete(row.identity.pid)
    this.#release(row)
  }

  #release(row: Row): void {
    row.vmm?.release()
    for (const socket of row.sockets) socket.letGo(row)
  }

  #tool(spec: RunSpec): Tool {
    const [program = ''] = spec.argv
    if (this.#hypervisors.has(program) && spec.argv[1] === '--version') {
      return () => said('QEMU emulator version 7.2.22 (simulated)\n')
    }
    const tool = this.tools.get(nameOf(spec.argv))
    if (tool) return tool
    throw new Error(`no program here plays ${JSON.stringify(spec.argv)}; add it to SimProcess.tools`)
  }

  #nodeAt(path: string) {
    try {
      return this.#options.files.at(path, true)
    } catch {
      return null
    }
  }
}

/** proc_pid_stat(5): clock ticks, 100 a second. */
const millisecondsOfTick = 10

function isSame(there: ProcessIdentity, meant: ProcessIdentity): boolean {
  return (
    there.pid === meant.pid &&
    there.startTime === meant.startTime &&
    there.bootId === meant.bootId &&
    there.uid === meant.uid &&
    there.executable === meant.executable
  )
}

/** A regular file to append to, made 0600 when absent. */
function openOutput(files: MemoryFiles, path: string): FileNode {
  try {
    const there = files.at(path)
    if (there?.type === 'symlink') throw new Error(`${path} is a symbolic link`)
    if (there !== null && there.type !== 'file') throw new Error(`${path} is not a regular file`)
    const folder = files.at(path.slice(0, path.lastIndexOf('/')) || '/', true)
    if (folder === null) throw new Error(`${path}: No such file or directory`)
    if (there === null) files.write(path, '', 0o600)
    return files.at(path) as FileNode
  } catch (error) {
    throw error instanceof Error ? error : new Error(`${path}: ${wordsOf(error)}`)
  }
}

function print({ output }: Row, text: string, now: number): void {
  if (output) append(output, text, now)
}

function nameOf(argv: readonly string[]): string {
  return (argv[0] ?? 'nothing').split('/').at(-1) ?? ''
}

function releaseAll(spec: SpawnSpec): void {
  for (const listener of spec.listeners) listener.release()
}
