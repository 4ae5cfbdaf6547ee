import { expect } from 'vitest'
import { SimCluster, type SimClusterOptions } from './cluster.ts'
import { Operator } from './operator.ts'
import { ClusterOracles } from './oracles.ts'
import { describe, isAtRest } from './rest.ts'

/** A simulated cluster on which a story is told by hand, with every oracle over it. */
export class Scene {
  readonly cluster: SimCluster
  readonly operator: Operator
  readonly oracles: ClusterOracles

  constructor(name: string, options: SimClusterOptions = {}) {
    this.cluster = new SimCluster(name, options)
    this.operator = new Operator(this.cluster)
    this.oracles = new ClusterOracles(this.cluster, this.operator)
    this.operator.prepare()
    this.cluster.start()
  }

  /** Virtual milliseconds, or until it is done; nothing may be violated. */
  async pass(milliseconds: number, done: () => boolean = () => false): Promise<void> {
    const isBroken = () => this.oracles.broken.length > 0
    await this.cluster.pass(
      milliseconds,
      () => isBroken() || done(),
      () => this.oracles.check(),
    )
    expect(this.oracles.broken).toEqual([])
  }

  /** Lets it come to rest and judges it. */
  async rests(): Promise<void> {
    await this.pass(70_000)
    await this.pass(900_000, () => isAtRest(this.cluster))
    expect(isAtRest(this.cluster), describe(this.cluster)).toBe(true)
    this.oracles.atRest()
    expect(this.oracles.broken).toEqual([])
  }

  /** The host on which a VM runs, and its pid there; throws when it runs nowhere. */
  place(name: string): { readonly node: string; readonly pid: number } {
    const found = this.oracles.vmms.running.find((one) => one.name === name)
    if (found === undefined) throw new Error(`${name} does not run`)
    return { node: found.host.name, pid: found.vmm.pid }
  }
}
