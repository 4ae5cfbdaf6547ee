import type { Sight } from './oracle-history.ts'
import type { Lives } from './oracle-lives.ts'

interface Said {
  readonly hypervisor?: { readonly pid?: number }
  readonly phase?: string
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string }[]
}

interface Asked {
  readonly key: string
  readonly name: string
  readonly type: string
  /** Milliseconds since the host was made. */
  readonly at: number
  /** When it was asked for, by the wall clock. */
  readonly createdAt: number
}

/** Whether what statuses claim is so, and what was accepted is done. */
export class Statuses {
  readonly #sight: Sight
  readonly #lives: Lives
  readonly #operations: Asked[] = []
  /** When each VM's strategy last changed, as the controller knows it. */
  readonly #strategies = new Map<string, { readonly strategy: string; readonly at: number }>()
  #seen: unknown = null

  constructor(sight: Sight, lives: Lives) {
    this.#sight = sight
    this.#lives = lives
  }

  /** After each step. */
  look(): void {
    const { controller, time } = this.#sight.host
    const statuses = controller?.statuses.current
    if (!statuses || statuses === this.#seen) return
    this.#seen = statuses
    const objects = new Map(controller.last?.source.objects.map((one) => [one.key, one]))
    for (const [key, status] of statuses as ReadonlyMap<string, Said>) {
      const { object, createdAt = 0 } = objects.get(key) ?? {}
      if (object?.kind === 'MicroVM') {
        this.#consistent(key, status)
        this.#available(object.metadata.name, object.spec.readiness !== undefined, status)
        const strategy = object.spec.runStrategy ?? 'Always'
        if (this.#strategies.get(object.metadata.name)?.strategy !== strategy)
          this.#strategies.set(object.metadata.name, { strategy, at: time })
      }
      if (object?.kind !== 'MicroVMOperation' || status.phase !== 'Accepted') continue
      if (this.#operations.some((one) => one.key === key)) continue
      this.#operations.push({ key, name: object.spec.microVM.name, type: object.spec.type, at: time, createdAt })
    }
  }

  /** At rest, whatever was asked for last is so. */
  judgeRest(): void {
    const { host, site, tally, fail } = this.#sight
    if (['ledger removed', 'ledger torn', 'index removed'].some((kind) => tally.has(kind))) return
    // Several that are taken on in one pass are told in any order.
    const inOrder = this.#operations.toSorted((a, b) => a.at - b.at || a.createdAt - b.createdAt)
    const last = new Map(inOrder.map((one) => [one.name, one]))
    for (const { name, type, at } of last.values()) {
      const known = this.#strategies.get(name)
      const vm = site.wanted.vms[name]
      if (!vm || !known || known.at > at || known.strategy !== vm.strategy) continue
      const lives = this.#lives.of(name)
      const vmm = host.process.vmm(`default.${name}`)
      const runs = vmm !== undefined
      // Without its folder nobody can ask whether its guest still runs; it is told of and left alone.
      if (type === 'Start' && vmm && !host.has(`${vmm.spec.directory}/life.sock`)) continue
      if (type === 'Stop' && runs && vm.strategy !== 'Always') fail('I13', `${name} runs and was asked to stop`)
      if (type === 'Start' && !lives.some((one) => (one.over ?? at) >= at) && vm.network in site.wanted.networks)
        fail('I13', `${name} was asked to start and never ran`)
      if (type === 'Restart' && runs && !lives.some((one) => one.at >= at - 60_000) && vm.strategy !== 'Halted')
        fail('I13', `${name} was asked to restart and runs on`)
    }
  }

  #consistent(key: string, { conditions = [] }: Said): void {
    const is = (type: string) => conditions.find((condition) => condition.type === type)
    const ready = is('Ready')
    if (ready?.status !== 'True') return
    if (is('Stalled')?.status === 'True') this.#sight.fail('status', `${key} is ready and stalled`)
    if (ready.reason === 'Running' && is('Available')?.status !== 'True')
      this.#sight.fail('status', `${key} is ready and not available`)
  }

  /** The first time that it is told as available it has served. */
  #available(name: string, hasProbe: boolean, { conditions = [], hypervisor }: Said): void {
    const available = conditions.find(({ type }) => type === 'Available')
    if (!hasProbe || available?.status !== 'True') return
    const one = this.#lives.of(name).findLast(({ vmm }) => vmm.pid === hypervisor?.pid)
    if (one && one.over === null && !one.served)
      this.#sight.fail('status', `${name} is told as available and never served`)
  }
}
