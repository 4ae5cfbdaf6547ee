import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { inheritedDescriptors } from '../../src/world/linux/inherited.ts'
import { descriptorOf } from '../../src/world/linux/listener.ts'
import { linuxProcess } from '../../src/world/linux/process.ts'
import { linuxStream } from '../../src/world/linux/stream.ts'
import type { ProcessIdentity, SpawnSpec } from '../../src/world/process.ts'
import { bundle } from './bundle.ts'
import { endOf, processContract, until } from './contract/process.ts'
import { needsRoot } from './needs-root.ts'

/** Every test has a user of its own, so that what one leaves behind does not fail the next. */
let user = 0
beforeEach(() => {
  user = lastUser += 1
})
let lastUser = 60_000 + (process.pid % 100) * 50

const never = new AbortController().signal
const process_ = linuxProcess()
const stream = linuxStream()
const folders: string[] = []
const started: ProcessIdentity[] = []
const programs = {
  holder: ['/usr/bin/sleep', '1000'],
  failing: ['/bin/sh', '-c', 'echo no such machine; exit 3'],
  missing: ['/usr/bin/there-is-no-such-program'],
}

function root(): string {
  const made = mkdtempSync(join(tmpdir(), 'moorage-process-'))
  folders.push(made)
  return made
}

async function start(change: Partial<SpawnSpec>): Promise<ProcessIdentity> {
  const spec = {
    argv: programs.holder,
    env: {},
    directory: '/',
    uid: user,
    gid: user,
    groups: [],
    listeners: [],
    output: '',
  }
  const identity = await process_.spawn({ ...spec, output: join(root(), 'output'), ...change }, never)
  started.push(identity)
  return identity
}

afterEach(async () => {
  for (const { pid } of started.splice(0)) killSession(pid)
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

describe('contract', () => {
  beforeEach((context) => needsRoot(context, 'changes the uid of a child'))
  processContract(async () => ({ process: process_, stream, root: root(), user, programs }))
})

describe('a spawned program', () => {
  beforeEach((context) => needsRoot(context, 'changes the uid of a child'))

  test('is as likely to be ended for its memory as any, whatever we are', async () => {
    const ours = '/proc/self/oom_score_adj'
    const before = readFileSync(ours, 'utf8')
    // Less than 0, as a pod of the priority system-node-critical has, takes CAP_SYS_RESOURCE.
    writeFileSync(ours, '300')
    try {
      const { pid } = await start({})
      expect(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8')).toBe('0\n')
    } finally {
      writeFileSync(ours, before)
    }
  })

  test('has no rights, no way to more, no core dump, a umask of 077 and a session of its own', async () => {
    const { pid } = await start({})
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1]
    for (const name of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) expect(field(name)).toMatch(/^0+$/)
    expect(field('NoNewPrivs')).toBe('1')
    expect(field('Groups')?.trim()).toBe('')
    expect(field('Uid')).toBe([user, user, user, user].join('\t'))
    expect(field('Gid')).toBe([user, user, user, user].join('\t'))
    expect(field('Umask')).toBe('0077')
    expect(readFileSync(`/proc/${pid}/limits`, 'utf8')).toMatch(/^Max core file size +1 +1 +bytes/m)
    const [, , , , , session] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')
    expect(Number(session)).toBe(pid)
  })

  test('has none of our supplementary groups', async () => {
    const before = process.getgroups?.() ?? []
    process.setgroups?.([4, 5])
    const { pid } = await start({}).finally(() => process.setgroups?.(before))
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/^Groups:[ \t]*$/m)
  })

  test('has the supplementary groups that it was given', async () => {
    const { pid } = await start({ groups: [4, 5] })
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/^Groups:[ \t]*4 5[ \t]*$/m)
  })

  test('dumps no core when it crashes', async (context) => {
    const pattern = readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim()
    context.skip(!/^core(\.%\w)*$/.test(pattern), `core dumps go elsewhere on this host: ${pattern}`)
    const directory = root()
    chmodSync(directory, 0o777)
    const { pid } = await start({ directory })
    process.kill(pid, 'SIGSEGV')
    await until(async () => !(await process_.list(new Set([user]))).some((one) => one.pid === pid))
    expect(readdirSync(directory)).toEqual([])
  })

  test('gets the environment and the folder that it was given and nothing of ours', async () => {
    const directory = root()
    chmodSync(directory, 0o755)
    const { pid } = await start({ env: { ONE: 'a b', TWO: '' }, directory })
    // The kernel shows a new program some microseconds before its environment.
    await until(() => readFileSync(`/proc/${pid}/environ`, 'latin1') !== '')
    expect(readFileSync(`/proc/${pid}/environ`, 'latin1')).toBe('ONE=a b\0TWO=\0')
    expect(readlinkSync(`/proc/${pid}/cwd`)).toBe(directory)
  })

  test('holds no descriptor but its own: output twice, then its listeners in order', async () => {
    const folder = root()
    const names = ['life', 'qmp', 'console'].map((name) => join(folder, name))
    const listeners = await Promise.all(names.map((name) => stream.listen(name)))
    const { pid } = await start({ listeners, output: join(folder, 'output') })
    const strays = inheritedDescriptors()
    const own = readdirSync(`/proc/${pid}/fd`).filter((fd) => !strays.includes(Number(fd)))
    const held = own.map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
    expect(held.slice(0, 3)).toEqual(['/dev/null', join(folder, 'output'), join(folder, 'output')])
    expect(held).toHaveLength(6)
    const inodes = names.map((name) => inodeOf(pid, name))
    expect(held.slice(3)).toEqual(inodes.map((inode) => `socket:[${inode}]`))
  })

  test('writes to its output, which is 0600, is appended to and cannot be read by it', async () => {
    const output = join(root(), 'output')
    writeFileSync(output, 'before\n', { mode: 0o600 })
    const script = 'echo out; echo err >&2; cat <&1; exec sleep 1000'
    const { pid } = await start({ argv: ['/bin/sh', '-c', script], output })
    await until(() => readFileSync(output, 'utf8').includes('cat:'))
    expect(readFileSync(output, 'utf8')).toMatch(/^before\nout\nerr\ncat: .*Bad file descriptor\n$/)
    expect(statSync(output).mode & 0o777).toBe(0o600)
    expect(readFileSync(`/proc/${pid}/fdinfo/1`, 'latin1')).toMatch(/flags:\s+0\d*2001$/m)
  })

  test('does not write through a link, nor into what is no file', async () => {
    const folder = root()
    writeFileSync(join(folder, 'precious'), 'kept')
    symlinkSync('precious', join(folder, 'output'))
    await expect(start({ output: join(folder, 'output') })).rejects.toThrow('symbolic link')
    await expect(start({ output: '/dev/null' })).rejects.toThrow('not a regular file')
    expect(readFileSync(join(folder, 'precious'), 'utf8')).toBe('kept')
  })

  test('that dies at once says its first words, not those of an earlier one', async () => {
    const output = join(root(), 'output')
    writeFileSync(output, 'older words\n', { mode: 0o600 })
    const spawning = start({ argv: programs.missing, output })
    await expect(spawning).rejects.toThrow(/there-is-no-such-program.* ended at once.*: setpriv: .*No such file/)
    await expect(spawning).rejects.not.toThrow('older')
    await expect(start({ directory: '/nonexistent' })).rejects.toThrow(/\/nonexistent cannot be started/)
  })

  test('outlives us, and nothing of it stays with us', async () => {
    const before = readdirSync('/proc/self/fd').length
    const { pid } = await start({ listeners: [await stream.listen(join(root(), 'life'))] })
    expect(readdirSync('/proc/self/fd').length).toBe(before)
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/^SigIgn:\s+0+$/m)
  })

  test('has its listeners alone from the moment it is forked', async () => {
    // What is done once for all of them is done.
    await start({})
    const listener = await stream.listen(join(root(), 'life'))
    const starting = start({ listeners: [listener] })
    expect(() => descriptorOf(listener)).toThrow('released')
    await starting
  })

  test('that dies while we live leaves no zombie', async () => {
    const identity = await start({})
    await process_.signal(identity, 'SIGKILL')
    await until(() => !existsSync(`/proc/${identity.pid}`))
  })

  test('runs within a few milliseconds and its death is told within a few more', async () => {
    const spawned: number[] = []
    const told: number[] = []
    for (let round = 0; round < 20; round += 1) {
      const path = join(root(), 'life')
      const listener = await stream.listen(path)
      const begun = performance.now()
      const identity = await start({ listeners: [listener] })
      spawned.push(performance.now() - begun)
      const end = endOf(await stream.connect(path, never))
      await delay(5)
      const killed = performance.now()
      await process_.signal(identity, 'SIGKILL')
      expect(await end).toMatchObject({ code: 'ECONNRESET' })
      told.push(performance.now() - killed)
    }
    const median = (times: number[]) => times.sort((a, b) => a - b)[times.length / 2] ?? 0
    console.info(`spawn ${median(spawned).toFixed(1)} ms, death told ${median(told).toFixed(1)} ms (medians of 20)`)
    expect(median(spawned)).toBeLessThan(100)
    expect(median(told)).toBeLessThan(50)
  })
})

describe('a list', () => {
  beforeEach((context) => needsRoot(context, 'changes the uid of a child'))

  test('leaves zombies out', async () => {
    // The shell does not wait for its child and becomes a program that never will.
    const script = 'sleep 0.05 & exec sleep 1000'
    const parent = await start({ argv: ['/bin/sh', '-c', script] })
    await until(() =>
      childrenOf(parent.pid).some((pid) => /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))),
    )
    const [zombie] = childrenOf(parent.pid)
    const listed = await process_.list(new Set([user]))
    expect(listed.map(({ pid }) => pid)).toContain(parent.pid)
    expect(listed.map(({ pid }) => pid)).not.toContain(zombie)
  })

  test('holds a process that made itself undumpable, whose files in /proc are root’s', async (context) => {
    context.skip(!existsSync('/usr/bin/python3'), 'needs /usr/bin/python3 to call prctl(2)')
    const hide = 'import ctypes,time; ctypes.CDLL(None).prctl(4,0); print("hidden",flush=True); time.sleep(1000)'
    const output = join(root(), 'output')
    const identity = await start({ argv: ['/usr/bin/python3', '-c', hide], output })
    await until(() => readFileSync(output, 'utf8').includes('hidden'))
    expect(statSync(`/proc/${identity.pid}/status`).uid).toBe(0)
    expect((await process_.list(new Set([user]))).map(({ pid }) => pid)).toContain(identity.pid)
    expect(await process_.signal(identity, 'SIGKILL')).toBe(true)
  })

  test('holds a process whose first thread has ended before the others, which looks like a zombie', async (context) => {
    context.skip(!existsSync('/usr/bin/python3'), 'needs /usr/bin/python3 to end a single thread')
    const script = `import ctypes,threading,time
threading.Thread(target=time.sleep,args=(1000,)).start()
ctypes.CDLL(None).syscall(${process.arch === 'arm64' ? 93 : 60},0)`
    const { pid } = await start({ argv: ['/usr/bin/python3', '-c', script] })
    await until(() => /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'latin1')))
    const found = (await process_.list(new Set([user]))).find((one) => one.pid === pid)
    expect(found).toMatchObject({ pid, uid: user })
    expect(await process_.signal(found!, 'SIGKILL')).toBe(true)
    await until(() => !existsSync(`/proc/${pid}`))
  })

  test('reads a command name with spaces and parentheses', async () => {
    const folder = root()
    const odd = join(folder, ') S 1 (x')
    writeFileSync(odd, readFileSync('/usr/bin/sleep'), { mode: 0o755 })
    chmodSync(folder, 0o755)
    const identity = await start({ argv: [odd, '1000'] })
    expect(identity.executable).toBe(odd)
    expect(identity.startTime).toBeGreaterThan(1000)
    rmSync(odd)
    expect(await process_.list(new Set([user]))).toEqual([identity])
  })
})

describe('a run', () => {
  /** Seconds that nobody else sleeps. */
  const odd = `4321.${process.pid}`
  const run = (argv: string[], more: { stdin?: string; timeout?: number; limit?: number } = {}, signal = never) =>
    process_.run({ argv, timeout: 5000, ...more }, signal)

  test('gives code, stdout and stderr, and takes stdin', async () => {
    const argv = ['sh', '-c', 'cat; echo oops >&2; exit 3']
    expect(await run(argv, { stdin: 'grüße' })).toEqual({ code: 3, stdout: 'grüße', stderr: 'oops\n' })
  })

  test('of a program that reads no stdin is none the worse', async () => {
    expect(await run(['true'], { stdin: 'x'.repeat(1 << 20) })).toMatchObject({ code: 0 })
  })

  test('that is killed from outside has the code of a shell', async () => {
    expect(await run(['sh', '-c', 'kill -SEGV $$'])).toMatchObject({ code: 128 + 11 })
  })

  test('gets a fixed environment: tools found, one language, nothing of ours', async () => {
    process.env.CANARY = 'secret'
    const { stdout } = await run(['env'])
    delete process.env.CANARY
    expect(stdout).not.toContain('CANARY')
    expect(stdout.split('\n').sort()).toEqual(['', 'LC_ALL=C', expect.stringMatching(/^PATH=.*\/usr\/sbin/)])
  })

  test('that takes too long is killed with all it started', async () => {
    const begun = performance.now()
    await expect(run(['sh', '-c', `sleep ${odd} & sleep ${odd}`], { timeout: 100 })).rejects.toThrow(
      /sh took more than 100 ms/,
    )
    expect(performance.now() - begun).toBeLessThan(1000)
    await until(() => !running(odd))
  })

  test('is aborted with the reason', async () => {
    await expect(run(['sleep', odd], {}, AbortSignal.abort('enough'))).rejects.toBe('enough')
    const abort = new AbortController()
    const running_ = run(['sleep', odd], {}, abort.signal)
    abort.abort('later')
    await expect(running_).rejects.toBe('later')
    await until(() => !running(odd))
  })

  test('keeps as much as the limit and no more', async () => {
    expect((await run(['head', '-c', '1000', '/dev/zero'], { limit: 1000 })).stdout).toHaveLength(1000)
    await expect(run(['head', '-c', '1001', '/dev/zero'], { limit: 1000 })).rejects.toThrow('more than 1000 bytes')
    await expect(run(['yes'])).rejects.toThrow(`more than ${1 << 20} bytes`)
  })

  test('of what is not installed says so', async () => {
    await expect(run(['there-is-no-such-tool'])).rejects.toThrow(/there-is-no-such-tool is not installed; install/)
    await expect(run(['/etc/passwd'])).rejects.toThrow(/passwd cannot be run \(EACCES\)/)
  })
})

test('what our parent left us is found and closed, so that no VMM gets it', async () => {
  const script = `
    const { closeInherited } = await import(process.argv[1])
    const { spawnSync } = await import('node:child_process')
    const held = () => spawnSync('ls', ['/proc/self/fd'], { encoding: 'utf8' }).stdout.split('\\n').includes('100')
    console.log(held(), closeInherited().includes(100), held())
    console.log('still alive')`
  const module = join(root(), 'inherited.mjs')
  await bundle('inherited.ts', module)
  const argv = ['--input-type=module', '-e', script, module]
  const child = spawn(process.execPath, argv, {
    stdio: ['ignore', 'pipe', 'inherit', ...Array(97).fill('ignore'), 'pipe'],
  })
  let said = ''
  child.stdout?.on('data', (piece) => {
    said += piece
  })
  await once(child, 'close')
  expect(said).toBe('true true false\nstill alive\n')
})

/** With all it started, and also when it has become another program. */
function killSession(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has gone.
  }
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
}

/** The inode of the listening socket that was bound under a temporary name and renamed: in order of binding. */
function inodeOf(pid: number, path: string): string {
  const index = ['life', 'qmp', 'console'].indexOf(path.split('/').at(-1) ?? '')
  return /\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/fd/${3 + index}`))?.[1] ?? ''
}

function running(argument: string): boolean {
  return readdirSync('/proc').some((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(`${argument}\0`)
    } catch {
      return false
    }
  })
}
