import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'vitest'
import type { RootIdentity } from '../../src/ledger.ts'
import type { NetHost } from '../../src/world/linux/net.ts'
import { run } from '../../src/world/linux/run.ts'
import type { Net, NetOperation } from '../../src/world/net.ts'

export const never = new AbortController().signal
const probe = new URL('net-probe.pl', import.meta.url).pathname
let made = 0

/** Skips where this cannot run, saying why. */
export function needsNetworkNamespaces(context: TestContext): void {
  context.skip(process.getuid?.() !== 0, 'needs root: makes network namespaces; run it with sudo')
}

/** Network namespaces of one test, and programs in them; all of it ends with `dispose`. */
export interface Lab {
  /** A new namespace; its name. */
  namespace(role: string): Promise<string>
  /** stdout of a program in a namespace; throws when it fails. */
  exec(namespace: string, argv: readonly string[], stdin?: string): Promise<string>
  /** Lines of `ip -batch` in a namespace. */
  ip(namespace: string, ...lines: string[]): Promise<void>
  nft(namespace: string, text: string): Promise<void>
  /** What `linuxNet` needs, there; `argvs` keeps what was run. */
  host(namespace: string): NetHost & { readonly argvs: string[][] }
  /** Starts the probe script and resolves when it is ready. */
  start(namespace: string, verb: 'serve' | 'sniff', ...words: string[]): Promise<Running>
  /** `open`, `refused` or `silent`. */
  probe(namespace: string, target: string): Promise<string>
  send(namespace: string, device: string, ...frames: string[]): Promise<void>
  /** Frames from the guest behind a TAP. */
  sendByTap(namespace: string, tap: string, ...frames: string[]): Promise<void>
  indexOf(namespace: string, device: string): Promise<number>
  dispose(): Promise<void>
}

export interface Running {
  /** stdout, whole, once it has ended. */
  readonly output: Promise<string>
}

export function lab(): Lab {
  const namespaces: string[] = []
  const children: ChildProcess[] = []
  const within = (namespace: string, argv: readonly string[]) => ['ip', 'netns', 'exec', namespace, ...argv]
  const plain = async (argv: readonly string[], stdin = '') => {
    const { code, stdout, stderr } = await run({ argv, stdin, timeout: 20_000, limit: 16 << 20 }, never)
    if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`)
    return stdout
  }
  const exec = (namespace: string, argv: readonly string[], stdin = '') => plain(within(namespace, argv), stdin)
  const indexOf = async (namespace: string, device: string) => {
    const [link] = JSON.parse(await exec(namespace, ['ip', '-j', 'link', 'show', 'dev', device]))
    return link.ifindex as number
  }
  return {
    exec,
    indexOf,
    async namespace(role) {
      made += 1
      const name = `moorage-test-${process.pid}-${made}-${role}`
      await plain(['ip', 'netns', 'add', name])
      namespaces.push(name)
      await plain(['ip', '-n', name, 'link', 'set', 'dev', 'lo', 'up'])
      return name
    },
    async ip(namespace, ...lines) {
      await exec(namespace, ['ip', '-batch', '-'], `${lines.join('\n')}\n`)
    },
    async nft(namespace, text) {
      await exec(namespace, ['nft', '-f', '-'], text)
    },
    host(namespace) {
      const argvs: string[][] = []
      return {
        argvs,
        run(spec, signal) {
          argvs.push([...spec.argv])
          return run({ ...spec, argv: within(namespace, spec.argv) }, signal)
        },
        readText: (path) => exec(namespace, ['cat', path]),
        async writeText(path, text) {
          await exec(namespace, ['tee', path], text)
        },
      }
    },
    async start(namespace, verb, ...words) {
      const [program = '', ...rest] = within(namespace, ['perl', probe, verb, ...words])
      const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
      children.push(child)
      let output = ''
      const ready = new Promise<void>((resolve) => {
        child.stdout.on('data', (piece) => {
          output += piece
          if (output.startsWith('ready\n')) resolve()
        })
      })
      const ended = once(child, 'close').then(() => output)
      await Promise.race([ready, ended])
      if (!output.startsWith('ready\n')) throw new Error(`${verb} did not start`)
      return { output: ended }
    },
    async probe(namespace, target) {
      return (await exec(namespace, ['perl', probe, 'probe', '2', target])).trim()
    },
    async send(namespace, device, ...frames) {
      await exec(namespace, ['perl', probe, 'send', String(await indexOf(namespace, device)), ...frames])
    },
    async sendByTap(namespace, tap, ...frames) {
      await exec(namespace, ['perl', probe, 'tap', tap, ...frames])
    },
    async dispose() {
      for (const child of children) child.kill('SIGKILL')
      for (const name of namespaces) await run({ argv: ['ip', 'netns', 'del', name], timeout: 20_000 }, never)
    },
  }
}

/** Commits and throws the first error there is. */
export async function commit(net: Net, ...operations: NetOperation[]): Promise<void> {
  const failed = (await net.commit(operations, never)).find(({ error }) => error !== null)
  if (failed) throw new Error(failed.error ?? '')
}

export function rootOf(id: string): RootIdentity {
  return { id, group: Number.parseInt(id, 16) & 0x3fffffff }
}
