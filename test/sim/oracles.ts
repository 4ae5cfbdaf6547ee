import { keyOf } from '../../src/api/meta.ts'
import type { Tally } from './faults.ts'
import { paths, root, type SimHost } from './host.ts'
import { Deletions } from './oracle-deletions.ts'
import { judgeDurability, judgeEffect, watchFiles } from './oracle-files.ts'
import { History, networksOf, type Sight } from './oracle-history.ts'
import { Lives } from './oracle-lives.ts'
import { judgeNet, watchNet } from './oracle-net.ts'
import { judgeRest } from './oracle-rest.ts'
import { Starts } from './oracle-starts.ts'
import { Statuses } from './oracle-statuses.ts'
import { Stops } from './oracle-stops.ts'
import type { Site } from './site.ts'
import { canary, lastOctet, manifestsOf } from './wanted.ts'
import type { SimVmm } from './world/vmm.ts'

/** Where a secret's value may stand. */
const secretPlaces = [
  new RegExp(`^${paths.manifests}(/|$)`),
  /^\/run\/secrets\//,
  new RegExp(`^${paths.secrets}/`),
  // Until the VMM has read it; its mode is checked by the contract of the start.
  new RegExp(`^${paths.vms}/[^/]+/credential-\\d+$`),
]

/** Watches the invariants of a host. The first sentence of `broken` is what a run has violated. */
export class Oracles {
  readonly broken: string[] = []
  readonly #host: SimHost
  readonly #site: Site
  readonly #tally: Tally
  /** Volumes of states by name, with the identity of their image. */
  readonly #volumes = new Map<string, object>()
  readonly #sight: Sight
  readonly #history: History
  readonly #lives = new Lives()
  readonly #starts: Starts
  readonly #stops: Stops
  readonly #deletions: Deletions
  readonly #statuses: Statuses
  #seenSpawns = 0
  /** VMMs that were there in the last step, each followed by its plan. */
  #together: readonly unknown[] = []

  constructor(host: SimHost, site: Site, tally: Tally) {
    this.#host = host
    this.#site = site
    this.#tally = tally
    this.#sight = { host, site, tally, fail: (...words) => this.#fail(...words) }
    this.#history = new History(host, site)
    this.#starts = new Starts(this.#sight, this.#history, this.#lives)
    this.#stops = new Stops(this.#sight, this.#history, this.#lives)
    this.#deletions = new Deletions(this.#sight)
    this.#statuses = new Statuses(this.#sight, this.#lives)
    watchFiles(this.#sight)
    watchNet(this.#sight)
    const note = host.note.bind(host)
    host.note = (line) => {
      note(line)
      this.#note(line)
    }
    host.onLog = (_, message, fields) => {
      if ('action' in fields) this.#stops.log(message, String(fields.action))
      if (message.includes(canary) || JSON.stringify(fields).includes(canary)) this.#fail('I10', 'a log line', message)
    }
  }

  /** After every step. */
  check(): void {
    const host = this.#host
    this.#history.look()
    this.#starts.look()
    this.#newSpawns()
    this.#lives.look(host.process.vmms(), host.time)
    this.#stops.look()
    this.#deletions.look()
    this.#statuses.look()
    this.#oneVmmEach(host.process.vmms())
    this.#volumesStay()
    if (host.stuck) this.#fail('livelock', String(host.stuck.stack))
    for (const sentence of host.net.violations) this.#fail('I5', sentence)
    for (const { identity, signal } of host.process.violations) {
      this.#fail('I5', `${signal} hit foreign process ${identity.pid} (${identity.executable}, uid ${identity.uid})`)
    }
  }

  /** A line of the trace: what is about to be done. */
  #note(line: string): void {
    if (line.startsWith('VIOLATION')) return
    this.#history.look()
    this.#newSpawns()
    this.#lives.look(this.#host.process.vmms(), this.#host.time)
    if (line === 'break: manifest half-written') this.#history.torn.push(this.#host.time)
    judgeEffect(this.#sight, line)
    this.#starts.note(line)
    this.#stops.note(line)
    this.#deletions.note(line)
  }

  /** When everything has come to rest: the host is what is wanted, and nothing else of ours is there. */
  atRest(): void {
    if (this.#host.failure !== null) this.#fail('the controller ended by itself', String(this.#host.failure))
    const { net, process, files } = this.#host
    const { vms } = this.#site.wanted
    const networks = networksOf(this.#sight)
    // One whose folder somebody removed runs on: it is told of and left alone, since nobody can talk to it.
    const vmmsSeen = process.vmms().filter(({ spec }) => this.#host.has(`${spec.directory}/life.sock`))
    const mute = new Set(
      process
        .vmms()
        .filter((vmm) => !vmmsSeen.includes(vmm))
        .map(({ name }) => name),
    )
    const running = new Map(vmmsSeen.map((vmm) => [vmm.name, vmm]))
    // Nothing says that what no index knows was ever deleted: it is left alone, too.
    const unknown = this.#tally.has('index removed')
    for (const name of running.keys()) {
      if (!unknown && !(name.replace('default.', '') in vms)) this.#fail('I11', `${name} runs and nobody wants it`)
    }
    const wanted = Object.entries(vms).filter(([, vm]) => vm.network in networks)
    for (const [name, vm] of wanted) {
      const vmm = running.get(`default.${name}`)
      if (vm.strategy === 'Halted' && vmm) this.#fail('I13', `${name} is Halted and runs`)
      if (vm.strategy !== 'Always' || mute.has(`default.${name}`)) continue
      if (!vmm) this.#fail('I13', `${name} does not run`, this.#statusOf(name))
      else this.#runsAsWanted(name, vmm)
    }
    const taps = wanted.map(([name]) => `vm-${name}`)
    const bridges = [...new Set(wanted.map(([, vm]) => `br-${vm.network}`))]
    const ours = net.links().filter(({ alias, group }) => group === root.group || alias.includes(root.id))
    const names = ours.map(({ name }) => name).sort()
    const expected = [...taps, ...bridges].sort()
    if (!unknown && names.join() !== expected.join())
      this.#fail('I11', `links are ${names.join()}, wanted are ${expected.join()}`)
    const ports = [...net.rules().sets.portMacs].map((element) => element.split(' ')[0]).sort()
    if (!unknown && expected.length > 0 && ports.join() !== taps.sort().join()) {
      this.#fail('I4', `ports with rules are ${ports.join()}, wanted are ${taps.join()}`)
    }
    for (const { path, type, text } of files.everything('/')) {
      if (type === 'file' && text.includes(canary) && !secretPlaces.some((place) => place.test(path))) {
        this.#fail('I10', path)
      }
      if (!unknown && path.includes('credential-')) this.#fail('I10', `${path} is still there`)
      // A draft of a file is written over by the next one; a folder that is being made would stay.
      if (/\/\.(new|deleted)-/.test(path)) this.#fail('I11', `${path} was left behind`)
    }
    judgeNet(this.#sight)
    judgeRest(this.#sight, this.#history, this.#lives)
    judgeDurability(this.#sight)
    this.#statuses.judgeRest()
  }

  /** What a VM was started with, and whether it is reached. */
  #runsAsWanted(name: string, vmm: SimVmm): void {
    const vm = this.#site.wanted.vms[name]!
    const argv = vmm.spec.argv.join(' ')
    if (!argv.includes(`-m size=${vm.memory * 1024}K `))
      this.#fail('I13', `${name} does not run with ${vm.memory} MiB`, argv)
    if (vmm.state !== 'running') this.#fail('I13', `${name} is ${vmm.state}`)
    const address = `10.${vm.network.slice(1)}.0.${lastOctet(name)}`
    if (!vmm.reachedAt(address))
      this.#fail('I13', `${name} is not reached at ${address}`, `up ${vmm.up}`, this.#statusOf(name))
    const values = [...vmm.credentials.values()].map((bytes) => new TextDecoder().decode(bytes))
    const { secret, file } = this.#site.wanted
    const value =
      vm.credential === null ? null : `${canary}-${vm.credential === 'file' ? `file-${file}` : `token-${secret}`}`
    const encoded = value === null ? null : Buffer.from(value).toString('base64')
    // With the key of the digests a change that came at the same time is lost: nothing restarts for a key.
    if (this.#tally.has('ledger removed')) return
    if (value !== null && !values.some((one) => one.includes(value) || one.includes(encoded!)))
      this.#fail('I13', `${name} does not have the newest value of its credential`)
  }

  #statusOf(name: string): string {
    const key = keyOf({ kind: 'MicroVM', metadata: { name, namespace: 'default' } } as never)
    return JSON.stringify(this.#host.controller?.statuses.current.get(key) ?? null)
  }

  #oneVmmEach(vmms: readonly SimVmm[]): void {
    if (vmms.length < 2 || this.#judged(vmms)) return
    const seen = new Map<string, string>()
    const claim = (what: string, vmm: SimVmm, invariant: string) => {
      const other = seen.get(what)
      if (other !== undefined) this.#fail(invariant, `${what} is ${vmm.name} (${vmm.pid}) and ${other}`)
      seen.set(what, `${vmm.name} (${vmm.pid})`)
    }
    for (const vmm of vmms) {
      claim(`VMM of ${vmm.name}`, vmm, 'I1')
      claim(`uid ${vmm.spec.uid}`, vmm, 'I3')
      for (const nic of vmm.plan?.nics ?? []) claim(`MAC ${nic.mac}`, vmm, 'I3')
    }
  }

  /** Whether these very VMMs, open as they are, were looked at in the step before. */
  #judged(vmms: readonly SimVmm[]): boolean {
    const now = vmms.flatMap((vmm) => [vmm, vmm.plan])
    const before = this.#together
    this.#together = now
    return before.length === now.length && now.every((one, index) => one === before[index])
  }

  #newSpawns(): void {
    const { spawned } = this.#host.process
    for (; this.#seenSpawns < spawned.length; this.#seenSpawns += 1) {
      const vmm = spawned[this.#seenSpawns]!
      const { spec } = vmm
      this.#starts.started(this.#lives.add(vmm, this.#host.time, this.#host.lives))
      const told = [...spec.argv, ...Object.values(spec.env)].join('\0')
      if (told.includes(canary)) this.#fail('I10', 'argv or environment of a VMM')
      if (told.includes(Buffer.from(canary).toString('base64').slice(0, 16))) this.#fail('I10', 'argv, in base64')
      if (spec.uid < 1000 || spec.gid < 1000) this.#fail('a VMM runs as a user of the host', String(spec.uid))
    }
  }

  /**
   * A state's volume is never another one, whatever happens to its VM: nobody here deletes a state. It counts from when its
   * name stands on the disk or a VMM has it: until then it is empty, and being made.
   */
  #volumesStay(): void {
    const folder = this.#host.has(paths.volumes) ? this.#host.files.at(paths.volumes, false) : null
    if (folder?.type !== 'directory') {
      if (this.#volumes.size > 0) this.#fail('I6', 'all volumes are gone')
      return
    }
    for (const [name, node] of folder.entries) {
      if (!name.startsWith('home-') || this.#volumes.has(name) || node.type !== 'directory') continue
      if (folder.durable.get(name) !== node && !this.#isUsed(name)) continue
      const image = node.entries.get('data.img')
      if (image) this.#volumes.set(name, image)
    }
    for (const [name, image] of this.#volumes) {
      const node = folder.entries.get(name)
      if (node?.type !== 'directory' || node.entries.get('data.img') !== image)
        this.#fail('I6', `volume ${name} is gone`)
    }
  }

  #isUsed(volume: string): boolean {
    const path = `${paths.volumes}/${volume}/`
    return this.#host.process.vmms().some(({ spec }) => spec.argv.some((word) => word.includes(path)))
  }

  #fail(...words: string[]): void {
    const sentence = words.join(': ')
    if (this.broken.includes(sentence)) return
    this.#host.note(`VIOLATION ${sentence}`)
    this.broken.push(sentence)
  }
}

/** Names of the manifests that are wanted; for messages. */
export function wantedFiles(site: Site): string {
  return [...manifestsOf(site.wanted).keys()].join()
}
