import { watchFiles } from '../oracle-files.ts'
import type { Seen } from '../oracle-history.ts'
import { canary } from '../wanted.ts'
import type { SimCluster } from './cluster.ts'
import type { Operator } from './operator.ts'
import { Objects } from './oracle-objects.ts'
import { judgeRest } from './oracle-rest.ts'
import { Rollouts } from './oracle-rollout.ts'
import { Vmms } from './oracle-vmms.ts'
import type { Sight } from './sight.ts'

/**
 * Watches what must hold of a whole cluster; each rule has a letter, and its sentence where it is judged. The first sentence
 * of `broken` is what a run has violated.
 */
export class ClusterOracles {
  readonly broken: string[] = []
  readonly vmms: Vmms
  readonly #cluster: SimCluster
  readonly #sight: Sight
  readonly #rollouts: Rollouts

  constructor(cluster: SimCluster, operator: Operator) {
    this.#cluster = cluster
    this.#sight = { cluster, operator, fail: (...words) => this.fail(...words) }
    this.vmms = new Vmms(this.#sight)
    this.#rollouts = new Rollouts(this.#sight, this.vmms)
    new Objects(this.#sight, this.vmms)
    for (const host of cluster.hosts) {
      // Of a single host: what is written where, and in which order.
      const seen: Seen = { host, tally: cluster.tally, fail: (...words) => this.fail(host.name, ...words) }
      watchFiles(seen)
      host.onLog = (_, message, fields) => this.#log(host.name, message, fields)
    }
    for (const manager of cluster.managers) {
      manager.onLog = (message, fields) => this.#log(manager.name, message, fields)
    }
  }

  /** After every step. */
  check(): void {
    this.#rollouts.look(this.vmms.look())
    for (const { name, stuck, net, process } of this.#cluster.hosts) {
      if (stuck) this.fail('livelock', name, String(stuck.stack))
      for (const sentence of net.violations) this.fail('I5', name, sentence)
      for (const { identity, signal } of process.violations) this.fail('I5', name, `${signal} hit ${identity.pid}`)
    }
    const leaders = this.#cluster.managers.filter(({ leads }) => leads)
    // J: At most one manager leads at a time.
    if (leaders.length > 1) this.fail('J', `${leaders.map(({ name }) => name).join()} lead at once`)
    for (const sentence of this.#cluster.kubectl.refusals) this.fail('kubectl', sentence)
    for (const { name, failure } of this.#cluster.managers)
      if (failure !== null) this.fail('I', `${name} ended by itself`, String(failure))
  }

  /** When everything has come to rest. */
  atRest(): void {
    judgeRest(this.#sight, this.vmms)
  }

  fail(...words: readonly string[]): void {
    const sentence = words.join(': ')
    if (this.broken.includes(sentence)) return
    this.#cluster.note(`VIOLATION ${sentence}`)
    this.broken.push(sentence)
  }

  /** H: No value of a secret stands in a log. */
  #log(name: string, message: string, fields: object): void {
    if (`${message}${JSON.stringify(fields)}`.includes(canary)) this.fail('H', `a value in the log of ${name}`, message)
  }
}
