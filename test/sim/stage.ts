import type { AnyObject } from '../../src/api/kinds.ts'
import { API_VERSION } from '../../src/api/meta.ts'
import { FileError } from '../../src/world/files.ts'
import { type Fields, yaml } from '../host/stage-manifests.ts'
import { paths, SimHost } from './host.ts'
import { watchFiles } from './oracle-files.ts'
import { watchNet } from './oracle-net.ts'
import { canary } from './wanted.ts'
import type { SimVmm } from './world/vmm.ts'

/** A simulated host on which a drill is played, and what it must come to. */
export class Stage {
  readonly host: SimHost
  /** Something is made to fail in it; else no action ever may. */
  faulty = false
  /** Ids of actions that failed. */
  readonly failed: string[] = []
  readonly #broken: string[] = []
  readonly #watchers: (() => void)[] = []
  #asked = 0

  constructor(name: string) {
    this.host = new SimHost(name, { trace: 400 })
    for (const file of ['vmlinuz', 'initrd']) this.host.files.write(`${paths.images}/small/${file}`, file)
    const seen = { host: this.host, tally: new Map(), fail: (...words: string[]) => this.#once(words.join(': ')) }
    watchFiles(seen)
    watchNet(seen)
    this.host.onLog = (_, message, fields) => {
      if (`${message}${JSON.stringify(fields)}`.includes(canary)) this.#broken.push(`I10: a log line: ${message}`)
      if (!('action' in fields)) return
      if (message === 'failed') this.failed.push(String(fields.action))
      if (message === 'called back' && !this.faulty) this.#once(`${String(fields.action)} was called back`)
    }
  }

  write(name: string, ...objects: readonly Fields[]): void {
    this.writeText(name, yaml(...objects))
  }

  writeText(name: string, text: string): void {
    this.host.files.write(`${paths.manifests}/${name}`, text)
    this.host.watch.touched(`${paths.manifests}/${name}`)
  }

  remove(name: string): void {
    this.host.files.unlink(`${paths.manifests}/${name}`)
    this.host.watch.touched(`${paths.manifests}/${name}`)
  }

  /** Nobody may list the manifests until the answered call is made. */
  denyManifests(): () => void {
    const { files, watch } = this.host
    const { hook } = files
    files.hook = ({ name, path }) => {
      if (name.startsWith('list') && path === paths.manifests) throw new FileError('EACCES', path, `EACCES: ${path}`)
    }
    watch.touched(paths.manifests)
    return () => {
      files.hook = hook
      watch.touched(paths.manifests)
    }
  }

  async start(): Promise<void> {
    this.host.start()
    await this.pass(5000)
  }

  /** Virtual milliseconds. */
  async pass(milliseconds: number): Promise<void> {
    await this.host.pass(milliseconds, undefined, () => this.#check())
  }

  /** As `pass`, or until it is done. True when it was. */
  async passUntil(done: () => boolean, milliseconds: number): Promise<boolean> {
    return await this.host.pass(milliseconds, done, () => this.#check())
  }

  /** What was violated so far, the first first. */
  get broken(): readonly string[] {
    return this.#broken
  }

  /** An operation, and time for it. */
  async ask(type: 'Start' | 'Stop' | 'Restart', name: string): Promise<void> {
    this.#asked += 1
    const object = {
      apiVersion: API_VERSION,
      kind: 'MicroVMOperation',
      metadata: { name: `${name}-${this.#asked}`, namespace: 'default' },
      spec: { type, microVM: { name }, ttlSeconds: 600 },
    } as AnyObject
    const asked = this.host.controller?.put([object], new AbortController().signal)
    await this.pass(10)
    await asked
    this.host.controller?.wakeups.wake('asked')
    await this.pass(30_000)
  }

  watch(look: () => void): void {
    this.#watchers.push(look)
  }

  /** Whether its TAP is there. */
  linked(name: string): boolean {
    return this.host.net.links().some((link) => link.name === `vm-${name}`)
  }

  runs(name: string): boolean {
    return this.host.process.vmm(`default.${name}`) !== undefined
  }

  /** Throws when it does not run: the drill cannot go on then. */
  vmm(name: string): SimVmm {
    const vmm = this.host.process.vmm(`default.${name}`)
    if (!vmm) throw new Error(`${name} does not run`)
    return vmm
  }

  /** VMMs of that name that were ever spawned. */
  starts(name: string): number {
    return this.host.process.spawned.filter((vmm) => vmm.name === `default.${name}`).length
  }

  /** Paths below a folder. */
  left(folder: string): readonly string[] {
    return this.host.files.everything(folder).map(({ path }) => path)
  }

  addressOf(name: string): string {
    return this.vmm(name).plan?.addresses.get(0) ?? ''
  }

  /** Status of its condition Ready; `nothing` without one. */
  readyOf(name: string): string {
    const status = this.host.controller?.statuses.current.get(`MicroVM/default/${name}`) as
      | { readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
      | undefined
    return status?.conditions?.find(({ type }) => type === 'Ready')?.status ?? 'nothing'
  }

  /** Why it was last started anew, as its status says. */
  reasonOf(name: string): string {
    const status = this.host.controller?.statuses.current.get(`MicroVM/default/${name}`) as
      | { readonly restarts?: { readonly last?: { readonly reason?: string } } }
      | undefined
    return status?.restarts?.last?.reason ?? 'nothing'
  }

  expect(ok: boolean, otherwise: string): void {
    if (!ok) this.#broken.push(otherwise)
  }

  mustRun(...names: readonly string[]): void {
    for (const name of names) this.expect(this.host.process.vmm(`default.${name}`)?.up === true, `${name} does not run`)
  }

  /** Nobody stopped it since it was first started. */
  mustHaveRunThroughout(...names: readonly string[]): void {
    this.mustRun(...names)
    for (const name of names) this.expect(this.starts(name) === 1, `${name} was started ${this.starts(name)} times`)
    for (const name of names) {
      const presses = this.host.process.vmm(`default.${name}`)?.presses ?? 0
      this.expect(presses === 0, `${name} was asked to go`)
    }
  }

  /** Ends the controller; answers what was violated. */
  end(): readonly string[] {
    if (this.host.failure !== null) this.#broken.push(`the controller ended by itself: ${String(this.host.failure)}`)
    const actions = this.host.controller?.last?.view.plan.actions ?? []
    if (!this.faulty && actions.length > 0)
      this.#broken.push(`I13: ${actions.map(({ id }) => id).join()} is still planned`)
    this.host.kill()
    if (!this.faulty && this.failed.length > 0) this.#broken.push(`without a fault ${this.failed.join()} failed`)
    return this.#broken
  }

  #check(): void {
    const { process, net } = this.host
    for (const look of this.#watchers) look()
    const vmms = process.vmms()
    for (const what of [vmms.map(({ name }) => name), vmms.map(({ spec }) => spec.uid)])
      if (new Set<unknown>(what).size < what.length) this.#once(`I1: ${what.join()} run`)
    for (const sentence of net.violations) this.#once(`I5: ${sentence}`)
    for (const { identity } of process.violations) this.#once(`I5: foreign process ${identity.executable} got a signal`)
    if (process.spawned.some(({ spec }) => spec.argv.join(' ').includes(canary))) this.#once('I10: argv of a VMM')
  }

  #once(sentence: string): void {
    if (!this.#broken.includes(sentence)) this.#broken.push(sentence)
  }
}
