import { team } from './objects.ts'
import type { Vmms } from './oracle-vmms.ts'
import type { Running, Sight } from './sight.ts'

/** F: Of a rollout's VMs never more are taken down for a change than may be away, over all hosts. */
export class Rollouts {
  readonly #sight: Sight
  readonly #vmms: Vmms
  /** Names of those that were taken down and are not up again. */
  readonly #down = new Set<string>()

  constructor(sight: Sight, vmms: Vmms) {
    this.#sight = sight
    this.#vmms = vmms
  }

  /** @param ended VMMs that ended in this step */
  look(ended: readonly Running[]): void {
    const { cluster, operator, fail } = this.#sight
    for (const { name, uid, host } of ended) {
      const wanted = operator.vms.get(name)
      const object = cluster.mirror.get('MicroVM', team, name)
      const isOurs = host.life !== null && !operator.killed.has(name)
      operator.killed.delete(name)
      if (!wanted?.app || !isOurs || wanted.strategy !== 'Always' || object?.metadata.uid !== uid) continue
      if (object.metadata.deletionTimestamp === undefined) this.#down.add(name)
    }
    if (this.#down.size === 0) return
    // Without a probe a guest counts as back once it runs.
    for (const { name, vmm } of this.#vmms.running)
      if (operator.vms.get(name)?.probe ? vmm.up : vmm.state === 'running') this.#down.delete(name)
    for (const name of this.#down) {
      const wanted = operator.vms.get(name)
      if (!wanted?.app || wanted.strategy !== 'Always') this.#down.delete(name)
    }
    const { maxUnavailable, moved } = operator
    if (maxUnavailable === null || moved || this.#down.size <= maxUnavailable) return
    fail('F', `${[...this.#down].join()} are down at once, and ${maxUnavailable} may be`)
    this.#down.clear()
  }
}
