import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import { ask, is, type Problems, type Shown, shown } from './stage-client.ts'
import { examine } from './stage-examine.ts'
import { moorageBundle, putImages } from './stage-guest.ts'
import type { Fields } from './stage-manifests.ts'
import { type Namespace, openNamespace, type Said } from './stage-namespace.ts'
import { until } from './stage-until.ts'
import { type Users, type Vmm, vmmsOf } from './stage-vmms.ts'

/** A host of its own for the real command: a root, a network, manifests, a controller that comes and goes. */
export interface Stage {
  readonly root: string
  readonly manifests: string
  /** `/var/lib/moorage` and `/run/moorage` of this root. */
  readonly state: string
  readonly run: string
  /** Unix uids of its VMs; no other root has them. */
  readonly users: Users
  readonly net: Namespace
  /** Writes a manifest as a careful editor does: whole, by rename. */
  write(name: string, text: string): void
  remove(name: string): void
  /** Starts the controller and waits until it answers. */
  start(): Promise<void>
  /** Ends the controller and waits until it is gone. */
  end(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** pid of the controller. */
  readonly pid: number
  /** Everything that controllers of this stage logged. */
  log(): string
  /** The command, with this root. */
  moorage(...args: readonly string[]): Promise<Said>
  /** The answer of the control socket. */
  ask(method: 'GET' | 'POST', path: string): Promise<unknown>
  /** Has the controller look again. */
  wake(): Promise<void>
  problems(): Promise<Problems>
  objects(kind: string): Promise<readonly Shown[]>
  vm(name: string): Promise<Shown | undefined>
  /** Waits until each of these VMs is ready. */
  ready(seconds: number, ...names: readonly string[]): Promise<void>
  /** Waits until nothing is under way and nothing is to be done. */
  settled(seconds: number): Promise<void>
  vmms(): readonly Vmm[]
  /** pid of the VMM of that name; 0 when it has none, fails when it has two. */
  pidOf(name: string): number
  /** What the guest of that name wrote since it was started. */
  console(name: string): string
  /** Ends what it started and removes what it made. */
  close(): Promise<void>
}

export interface StageOptions {
  /** Of `config.yaml`. */
  readonly config?: Fields
  /** Of `moorage run`. */
  readonly args?: readonly string[]
  /** It takes what this cluster binds to it, and not its folder of manifests; null: it finds the cluster by itself. */
  readonly cluster?: { readonly kubeconfig: string | null; readonly node: string }
  /** What runs the controller: a program that becomes the one behind its arguments. */
  readonly within?: readonly string[]
  /** Added to the environment of the controller. */
  readonly env?: NodeJS.ProcessEnv
}

export async function openStage({
  config = {},
  args = [],
  env = {},
  within = [],
  cluster,
}: StageOptions = {}): Promise<Stage> {
  const root = mkdtempSync('/tmp/moorage-e2e-')
  // VMs have to get through.
  chmodSync(root, 0o711)
  const [manifests, state, run] = ['etc/moorage/manifests', 'var/lib/moorage', 'run/moorage'].map((at) =>
    join(root, at),
  )
  for (const folder of [manifests, state]) mkdirSync(folder!, { recursive: true, mode: 0o755 })
  putImages(`${state}/images`)
  const users = { first: 1_000_000_000 + randomInt(1_000_000) * 250, count: 250 }
  writeFileSync(join(root, 'etc/moorage/config.yaml'), stringify({ users, ...config }))
  const net = await openNamespace()
  const socket = `${run}/moorage.sock`
  const logFile = join(root, 'controller.log')
  let child: ChildProcess | null = null

  const command = (...words: readonly string[]) => [process.execPath, moorageBundle, ...words, '--root', root]
  const from = cluster
    ? ['--kubernetes', ...(cluster.kubeconfig ? ['--kubeconfig', cluster.kubeconfig] : []), '--node', cluster.node]
    : ['--manifests', manifests!]
  const end: Stage['end'] = async (signal = 'SIGTERM') => {
    const ending = child
    child = null
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return
    const gone = once(ending, 'exit')
    ending.kill(signal)
    const late = setTimeout(() => ending.kill('SIGKILL'), 15_000)
    await gone
    clearTimeout(late)
  }
  const list = async (query: string): Promise<readonly Shown[]> => {
    const { items } = (await ask(socket, 'GET', `/v1/objects?${query}`)) as { items: readonly Shown[] }
    return items.map(shown)
  }
  const stage: Stage = {
    root,
    manifests: manifests!,
    state: state!,
    run: run!,
    users,
    net,
    write(name, text) {
      const path = join(manifests!, name)
      mkdirSync(dirname(path), { recursive: true })
      const fresh = join(dirname(path), `.${name.replaceAll('/', '-')}.new`)
      writeFileSync(fresh, text, { mode: 0o600 })
      renameSync(fresh, path)
    },
    remove: (name) => rmSync(join(manifests!, name)),
    async start() {
      if (child) throw new Error('the controller of this stage runs already')
      const log = openSync(logFile, 'a')
      const [program, ...rest] = net.within([...within, ...command('run', ...from, ...args)])
      const started = spawn(program, rest, { stdio: ['ignore', log, log], env: { ...process.env, ...env } })
      child = started
      started.on('exit', (code, signal) => {
        if (child === started) console.warn(`the controller of ${root} ended with ${signal ?? code}:\n${tail(logFile)}`)
      })
      await until('the controller answers', 60, () => ask(socket, 'GET', '/v1/objects'))
    },
    end,
    get pid() {
      return child?.pid ?? 0
    },
    log: () => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : ''),
    moorage: (...words) => net.run([...command(...words)]),
    ask: (method, path) => ask(socket, method, path),
    wake: async () => void (await ask(socket, 'POST', '/v1/wake')),
    problems: async () => (await ask(socket, 'GET', '/v1/problems')) as Problems,
    objects: (kind) => list(`kind=${kind}`),
    vm: async (name) => (await list(`kind=MicroVM&name=${name}`))[0],
    async ready(seconds, ...names) {
      for (const name of names) {
        await until(`${name} is ready`, seconds, () => stage.vm(name), isReady).catch(async (error: Error) => {
          throw new Error(`${error.message}\n${await examine(stage)}`)
        })
      }
    },
    async settled(seconds) {
      const plan = () => ask(socket, 'GET', '/v1/plan') as Promise<Plan>
      await until('nothing is left to do', seconds, plan, isNothing)
    },
    vmms: () => vmmsOf(users),
    pidOf(name) {
      const found = vmmsOf(users).filter((one) => one.name === `default.${name}`)
      if (found.length > 1) throw new Error(`${name} has ${found.length} VMMs: ${JSON.stringify(found)}`)
      return found[0]?.pid ?? 0
    },
    console(name) {
      const path = `${run}/by-name/default.${name}/console.log`
      return existsSync(path) ? readFileSync(path, 'utf8') : ''
    },
    async close() {
      await end()
      for (const { pid } of vmmsOf(users)) process.kill(pid, 'SIGKILL')
      net.close()
      await until('every VMM is gone', 10, () => vmmsOf(users).length === 0)
      rmSync(root, { recursive: true, force: true, maxRetries: 5 })
    },
  }
  return stage
}

function isReady(vm: Shown | undefined): boolean {
  return is(vm, 'Ready') === 'True' && vm?.status.phase === 'Running'
}

interface Plan {
  readonly actions: readonly unknown[]
  readonly waits: readonly unknown[]
}

function isNothing({ actions, waits }: Plan): boolean {
  return actions.length === 0 && waits.length === 0
}

function tail(path: string): string {
  return readFileSync(path, 'utf8').split('\n').slice(-15).join('\n')
}
