import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'

/** What a program that ended said. */
export interface Said {
  /** Exit code; 128 for one that a signal ended. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A network and mount namespace that ends with this process, and programs in it. */
export interface Namespace {
  /** The process that holds it: a name for `ip link ... netns PID`. */
  readonly pid: number
  /** What runs a program in it. */
  within(argv: readonly string[]): readonly [program: string, ...args: string[]]
  /** stdout of a program that succeeds; throws with its stderr when it does not. */
  exec(argv: readonly string[], stdin?: string): Promise<string>
  /** As `exec`, however it ends. */
  run(argv: readonly string[], stdin?: string): Promise<Said>
  /** A line of `ip -batch` each. */
  ip(...lines: readonly string[]): Promise<void>
  /** A program that runs until it is killed; resolves once it has printed `ready`. */
  start(argv: readonly string[]): Promise<ChildProcess>
  close(): void
}

/** Milliseconds that a program may take. */
const longest = 60_000

/**
 * Its own loopback, /sys and a TUN device that every user may open, as udev makes it. The holder waits for the end of
 * its stdin, so that a test run that dies leaves none behind.
 */
export async function openNamespace(): Promise<Namespace> {
  const script = [
    'ip link set dev lo up',
    'mount -t sysfs sysfs /sys',
    'mount -t tmpfs -o size=1m,mode=755 tun /dev/net',
    'mknod -m 666 /dev/net/tun c 10 200',
    'echo ready',
    'exec cat',
  ]
  const unshare = ['--net', '--mount', '--propagation', 'private', 'sh', '-euc', script.join('\n')]
  const holder = spawn('unshare', unshare, { stdio: ['pipe', 'pipe', 'inherit'] })
  await untilReady(holder)
  const pid = holder.pid!
  const children: ChildProcess[] = []
  const within: Namespace['within'] = (argv) => {
    const [net, mount] = ['net', 'mnt'].map((name) => `/proc/${pid}/ns/${name}`)
    return ['nsenter', `--net=${net}`, `--mount=${mount}`, '--', ...argv]
  }
  const run: Namespace['run'] = (argv, stdin = '') => {
    const [program, ...args] = within(argv)
    return new Promise((done) => {
      const options = { timeout: longest, maxBuffer: 1 << 27, killSignal: 'SIGKILL' } as const
      const child = execFile(program, args, options, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 128
        done({ code, stdout, stderr })
      })
      child.stdin?.on('error', () => {}).end(stdin)
    })
  }
  const exec: Namespace['exec'] = async (argv, stdin) => {
    const { code, stdout, stderr } = await run(argv, stdin)
    if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}: ${stderr || stdout}`)
    return stdout
  }
  return {
    pid,
    within,
    run,
    exec,
    async ip(...lines) {
      await exec(['ip', '-batch', '-'], `${lines.join('\n')}\n`)
    },
    async start(argv) {
      const [program, ...args] = within(argv)
      const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
      children.push(child)
      await untilReady(child)
      return child
    },
    close() {
      for (const child of [...children, holder]) child.kill('SIGKILL')
    },
  }
}

async function untilReady(child: ChildProcess): Promise<void> {
  let said = ''
  const ready = new Promise<void>((resolve) => {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      said = `${said}${text}`.slice(-1000)
      if (/^ready$/m.test(said)) resolve()
    })
  })
  await Promise.race([ready, once(child, 'close')])
  if (!/^ready$/m.test(said)) throw new Error(`${child.spawnargs.join(' ')} did not get ready: ${said}`)
}
