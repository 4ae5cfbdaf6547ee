import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { linuxClock } from '../../src/world/linux/clock.ts'
import { linuxFiles } from '../../src/world/linux/files.ts'
import { hasJoined, monitor } from '../../src/world/linux/monitor.ts'
import { linuxWatch } from '../../src/world/linux/watch.ts'
import { bundle } from './bundle.ts'
import { until } from './contract/process.ts'
import { count, quiet, settle, watchContract, woken } from './contract/watch.ts'
import { needsRoot } from './needs-root.ts'

const clock = linuxClock()
const files = linuxFiles()
const namespace = `world-watch-${process.pid}`
const prefix = ['ip', 'netns', 'exec', namespace]
const watch = linuxWatch({ clock, prefix })
const folders: string[] = []
const root = () => {
  const made = mkdtempSync(join(tmpdir(), 'moorage-watch-'))
  folders.push(made)
  return made
}

afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

describe.concurrent('contract', () => watchContract(async () => ({ watch, files, root: root() })))

describe('a directory', () => {
  test('with a loop of links is watched like any other, and wakes for nothing', async () => {
    const folder = root()
    symlinkSync('.', join(folder, 'here'))
    symlinkSync('self', join(folder, 'self'))
    symlinkSync('nowhere', join(folder, 'dangling'))
    const counter = count()
    const stop = await watch.directory(folder, counter.wake)
    await settle(counter)
    const before = counter.wakes()
    await quiet(2500)
    expect(counter.wakes()).toBe(before)
    mkdirSync(join(folder, 'new'))
    await counter.next(before, 1000)
    stop()
  })

  test('for which no inotify watch is left wakes, and is heard as soon as there are some', {
    timeout: 30_000,
  }, async (context) => {
    // A user namespace of its own has a limit of its own.
    const limit = '/proc/sys/user/max_inotify_watches'
    const possible = spawnSync('unshare', ['-Ur', 'sh', '-c', `echo 5 > ${limit}`]).status === 0
    context.skip(!possible, 'needs a user namespace, to run out of inotify watches in')
    const folder = root()
    for (let each = 0; each < 10; each += 1) mkdirSync(join(folder, 'd', `s${each}`), { recursive: true })
    const module = join(root(), 'watch.mjs')
    await bundle('watch.ts', module)
    const script = `
      import { mkdirSync, writeFileSync } from 'node:fs'
      const { linuxWatch } = await import(process.argv[1])
      const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
      const after = (ms, run) => { const timer = setTimeout(run, ms); return () => clearTimeout(timer) }
      writeFileSync('${limit}', '5')
      let wakes = 0
      await linuxWatch({ clock: { after } }).directory(process.argv[2], () => { wakes += 1 })
      await pause(1000)
      const broken = wakes
      writeFileSync('${limit}', '1000')
      await pause(4000)
      const mended = wakes
      await pause(500)
      const quiet = wakes === mended
      for (let each = 0; each < 10; each += 1) mkdirSync(process.argv[2] + '/s' + each + '/new')
      await pause(1000)
      console.log(JSON.stringify({ broken: broken > 0 && broken < 20, mended: mended > broken, quiet, heard: wakes > mended }))
      process.exit()`
    const argv = ['-Ur', process.execPath, '--input-type=module', '-e', script, module, join(folder, 'd')]
    const child = spawn('unshare', argv, { stdio: ['ignore', 'pipe', 'inherit'] })
    const [said] = await once(child.stdout, 'data')
    expect(JSON.parse(String(said))).toEqual({ broken: true, mended: true, quiet: true, heard: true })
  })

  test('that is stopped leaves no watch behind', async () => {
    const watches = () =>
      readdirSync('/proc/self/fdinfo').flatMap((fd) => {
        try {
          return readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')
            .split('\n')
            .filter((line) => line.startsWith('inotify'))
        } catch {
          return []
        }
      }).length
    const folder = root()
    mkdirSync(join(folder, 'a/b/c'), { recursive: true })
    const before = watches()
    const stop = await watch.directory(folder, () => {})
    expect(watches()).toBeGreaterThan(before)
    stop()
    await until(() => watches() === before)
  })
})

describe('links and rules', () => {
  const ip = (...argv: string[]) => run('ip', ['-n', namespace, ...argv])
  const nft = (text: string) => run('ip', ['netns', 'exec', namespace, 'nft', '-f', '-'], text)

  beforeAll(() => {
    if (process.getuid?.() === 0) run('ip', ['netns', 'add', namespace])
  })
  afterAll(() => {
    if (process.getuid?.() === 0) run('ip', ['netns', 'del', namespace])
  })
  beforeEach((context) => needsRoot(context, 'makes a network namespace'))
  afterEach(async () => {
    await until(() => monitors().length === 0)
  })

  test('wake for a link, its master, its address and its end', async () => {
    // All up: of an alias or a group that is set on a link that is down the kernel tells nobody (netdev_state_change).
    const steps = [
      () => ip('link', 'add', 'br0', 'type', 'bridge'),
      () => ip('link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1'),
      () => ip('link', 'set', 'dev', 'v0', 'up'),
      () => ip('link', 'set', 'dev', 'v0', 'master', 'br0'),
      () => ip('address', 'add', '10.1.0.1/24', 'dev', 'br0'),
      () => ip('link', 'set', 'dev', 'v0', 'alias', 'somebody'),
      () => ip('link', 'set', 'dev', 'v0', 'nomaster'),
      () => ip('address', 'del', '10.1.0.1/24', 'dev', 'br0'),
      () => ip('link', 'del', 'dev', 'v0'),
      () => ip('link', 'del', 'dev', 'br0'),
    ]
    for (const step of steps) await woken(watch.links, async () => void step())
  })

  test('wake for a table, a chain, a rule, an element and a flush', async () => {
    const steps = [
      'add table inet t\n',
      'add set inet t s { type ipv4_addr; }\n',
      'add chain inet t c\n',
      'add rule inet t c accept\n',
      'add element inet t s { 10.0.0.1 }\n',
      'delete element inet t s { 10.0.0.1 }\n',
      'flush ruleset\n',
    ]
    for (const step of steps) await woken(watch.rules, async () => void nft(step))
  })

  test('are heard from the moment the call resolves', async () => {
    for (let round = 0; round < 5; round += 1) {
      const counter = count()
      const stopLinks = await watch.links(counter.wake)
      ip('link', 'add', `b${round}`, 'type', 'bridge')
      await counter.next(0, 1000)
      stopLinks()
      const rules = count()
      const stopRules = await watch.rules(rules.wake)
      nft(`add table inet t${round}\n`)
      await rules.next(0, 1000)
      stopRules()
    }
  })

  test('listen only when a group is joined: a netlink socket alone hears nothing', async (context) => {
    context.skip(!existsSync('/usr/bin/python3'), 'needs /usr/bin/python3 to open a netlink socket')
    const script = `import socket,sys
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
s.bind((0, 0))
print('open', flush=True)
sys.stdin.readline()
s.setsockopt(270, 1, 1)
print('joined', flush=True)
sys.stdin.readline()`
    const child = spawn('/usr/bin/python3', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    expect(hasJoined(child.pid ?? 0)).toBe(false)
    child.stdin.write('\n')
    await once(child.stdout, 'data')
    await until(() => hasJoined(child.pid ?? 0))
    child.stdin.end()
    await once(child, 'exit')
    expect(hasJoined(child.pid ?? 0)).toBe(false)
  })

  test('wake when their monitor dies, and hear again', async () => {
    for (const kind of ['links', 'rules'] as const) {
      const counter = count()
      const stop = await watch[kind](counter.wake)
      const [first] = monitors()
      process.kill(first ?? 0, 'SIGKILL')
      await until(() => monitors().some((pid) => pid !== first))
      // Once for the death, once because it listens again.
      await counter.next(1, 1000)
      await settle(counter)
      expect(counter.wakes()).toBe(2)
      const change =
        kind === 'links' ? () => ip('link', 'add', 'again', 'type', 'bridge') : () => nft('flush ruleset\n')
      if (kind === 'rules') nft('add table inet again\n')
      await settle(counter)
      const before = counter.wakes()
      change()
      await counter.next(before, 1000)
      stop()
    }
  })

  test('are not made anew after they were stopped', async () => {
    const stop = await watch.links(() => {})
    const [first] = monitors()
    process.kill(first ?? 0, 'SIGKILL')
    stop()
    stop()
    await quiet(400)
    expect(monitors()).toEqual([])
  })

  test('die with us, also when we are killed', async () => {
    const module = join(root(), 'watch.mjs')
    await bundle('monitor.ts', module)
    const script = `
      const { monitor } = await import(process.argv[1])
      const clock = { monotonic: () => 0, sleep: () => new Promise(() => {}) }
      for (const what of [['ip', 'monitor', 'link'], ['nft', 'monitor']]) {
        await monitor(['ip', 'netns', 'exec', process.argv[2], ...what], clock, () => {})
      }
      console.log('both listen')`
    const argv = ['--input-type=module', '-e', script, module, namespace]
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    expect(monitors()).toHaveLength(2)
    child.kill('SIGKILL')
    await until(() => monitors().length === 0)
  })

  test('that cannot be watched say why', async () => {
    const nowhere = linuxWatch({ clock, prefix: ['ip', 'netns', 'exec', 'no-such-namespace'] })
    await expect(nowhere.links(() => {})).rejects.toThrow(
      /ip monitor.* does not run: ended with code \d+: .*no-such-namespace/,
    )
    await expect(monitor(['no-such-tool'], clock, () => {})).rejects.toThrow(
      /no-such-tool does not run: ended with code 127/,
    )
    await expect(monitor(['/usr/bin/true'], clock, () => {})).rejects.toThrow(/true does not run: ended with code 0/)
  })

  /** Processes in our namespace that are a monitor. */
  function monitors(): number[] {
    return run('ip', ['netns', 'pids', namespace])
      .split('\n')
      .filter(Boolean)
      .map(Number)
      .filter((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('monitor')
        } catch {
          return false
        }
      })
  }
})

function run(program: string, argv: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync(program, argv, { encoding: 'utf8', input })
  expect(status, `${program} ${argv.join(' ')}: ${stderr}`).toBe(0)
  return stdout
}
