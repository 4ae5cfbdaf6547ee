import { team } from './objects.ts'
import { type Running, type Sight, uidOf } from './sight.ts'

/** What may be true of VMMs over all hosts at any moment. */
export class Vmms {
  /** Nobody edits anything and nothing dies but processes of Moorage: no VMM may start or end. */
  quiet = false
  readonly #sight: Sight
  #running: readonly Running[] = []
  /** When a VMM of a MicroVM was seen last, by uid and host. */
  readonly #lastSeen = new Map<string, number>()

  constructor(sight: Sight) {
    this.#sight = sight
  }

  get running(): readonly Running[] {
    return this.#running
  }

  /** Milliseconds since a VMM of that MicroVM was there on that host; infinite when none ever was. */
  age(uid: string, host: string): number {
    if (this.#running.some((one) => one.uid === uid && one.host.name === host)) return 0
    return this.#sight.cluster.time - (this.#lastSeen.get(`${uid} ${host}`) ?? Number.NEGATIVE_INFINITY)
  }

  /** After every step. Answers those that ended in it. */
  look(): readonly Running[] {
    const { cluster } = this.#sight
    const before = new Map(this.#running.map((one) => [one.vmm, one]))
    const now = cluster.hosts.flatMap((host) => host.process.vmms().map((vmm) => ({ vmm, host })))
    if (now.length === before.size && now.every(({ vmm }) => before.has(vmm))) return []
    const fresh: Running[] = []
    this.#running = now.map(({ vmm, host }) => {
      const known = before.get(vmm)
      if (known !== undefined) return known
      const one = { vmm, host, uid: uidOf(vmm), name: vmm.name.replace(`${team}.`, ''), since: cluster.time }
      fresh.push(one)
      return one
    })
    const alive = new Set(now.map(({ vmm }) => vmm))
    const ended = [...before.values()].filter(({ vmm }) => !alive.has(vmm))
    for (const { uid, host } of ended) this.#lastSeen.set(`${uid} ${host.name}`, cluster.time)
    for (const one of fresh) this.#started(one)
    for (const one of ended) this.#ended(one)
    this.#alone()
    return ended
  }

  #started({ name, host }: Running): void {
    const { cluster, fail } = this.#sight
    cluster.note(`${host.name}: a VMM of ${name} starts`)
    if (this.quiet) fail('D', `a VMM of ${name} starts on ${host.name} although nobody asked for anything`)
  }

  /**
   * D: A VMM ends only with cause: its object is in deletion, gone or another, it is bound elsewhere, or somebody did
   * something to it, to what it is made of, or to its host.
   */
  #ended({ name, uid, host }: Running): void {
    const { cluster, operator, fail } = this.#sight
    cluster.note(`${host.name}: a VMM of ${name} ended`)
    if (this.quiet) fail('D', `the VMM of ${name} on ${host.name} ends although nobody asked for anything`)
    const object = cluster.mirror.get('MicroVM', team, name)
    if (object === undefined || object.metadata.uid !== uid || object.metadata.deletionTimestamp !== undefined) return
    if (!operator.touched.has(name)) fail('D', `the VMM of ${name} on ${host.name} ends without a cause`)
  }

  /**
   * A: A VM has at most one VMM over all hosts. B: a volume is attached to at most one. C: no address of a network is held
   * by two. Who takes the finalizers of a VM away says himself that nothing of it runs: the next one of its name may.
   */
  #alone(): void {
    const claims = new Map<string, string>()
    const claim = (letter: string, what: string, { name, host, vmm }: Running) => {
      const whose = `${name} on ${host.name} (${vmm.pid})`
      const other = claims.get(what)
      if (other !== undefined) this.#sight.fail(letter, `${what} is of ${other} and of ${whose}`)
      claims.set(what, whose)
    }
    for (const one of this.#running) {
      claim('A', `uid ${one.uid}`, one)
      const isForced = this.#sight.operator.forced.has(one.name)
      if (!isForced) claim('A', `name ${one.name}`, one)
      for (const { path } of one.vmm.plan?.disks ?? []) {
        const volume = /\/volumes\/([^/]+)\//.exec(path)?.[1]
        if (volume !== undefined) claim('B', `volume ${volume}`, one)
      }
      if (isForced) continue
      for (const address of one.vmm.plan?.addresses.values() ?? []) claim('C', `address ${address}`, one)
    }
  }
}
