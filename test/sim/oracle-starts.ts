import { pause } from '../../src/rollout/backoff.ts'
import { paths } from './host.ts'
import type { History, Sight } from './oracle-history.ts'
import { endedByItself, type Incarnation, type Lives } from './oracle-lives.ts'

/** What a controller believed an object to be, from a moment on. */
interface Believed {
  readonly at: number
  readonly strategy: string
  readonly deleted: boolean
}

/** Whether each start of a VM had a reason, came at its time, and was anybody's wish. */
export class Starts {
  readonly #sight: Sight
  readonly #history: History
  readonly #lives: Lives
  readonly #believed = new Map<string, Believed[]>()
  /** When somebody asked for it by `start` or `restart`, and by whatever. */
  readonly #powered = new Map<string, number[]>()
  readonly #asked = new Map<string, number[]>()
  #boots: number[] = []
  readonly #clockSets: number[] = []
  /** Those of which nothing is left that says how they ended. */
  readonly #untold = new Set<Incarnation>()

  constructor(sight: Sight, history: History, lives: Lives) {
    this.#sight = sight
    this.#history = history
    this.#lives = lives
  }

  note(line: string): void {
    const [, type, name] = /^operator: (Start|Stop|Restart) (\S+)$/.exec(line) ?? []
    if (type && name) {
      push(this.#asked, name, this.#sight.host.time)
      if (type !== 'Stop') push(this.#powered, name, this.#sight.host.time)
    }
    if (/^break: clock set/.test(line)) this.#clockSets.push(this.#sight.host.time)
    // What says how a VMM ended is gone with its folder, too.
    if (!/^break: (host rebooted|power lost|runtime folders? removed)$/.test(line)) return
    this.#boots.push(this.#sight.host.time)
    for (const name of this.#lives.names) {
      const last = this.#lives.of(name).at(-1)!
      if (!this.#isTold(last)) this.#untold.add(last)
    }
  }

  /** After each step: what the controller believes. */
  look(): void {
    const objects = this.#sight.host.controller?.last?.source.objects ?? []
    for (const { object, deletion } of objects) {
      if (object.kind !== 'MicroVM') continue
      const { name } = object.metadata
      const strategy = object.spec.runStrategy ?? 'Always'
      const last = this.#believed.get(name)?.at(-1)
      if (last?.strategy === strategy && last.deleted === (deletion !== null)) continue
      push(this.#believed, name, { at: this.#sight.host.time, strategy, deleted: deletion !== null })
    }
  }

  /** Whether its folder or the ledger says how it ended, or will. */
  #isTold({ vmm, folder }: Incarnation): boolean {
    const { host } = this.#sight
    if (host.has(`${vmm.spec.directory}/life.sock`)) return true
    const records = host.files.everything(`${paths.ledger}/machines`)
    return records.some(({ path, text }) => path.replaceAll('-', '').includes(`/${folder}`) && /"ended":\{/.test(text))
  }

  started(one: Incarnation): void {
    this.look()
    const before = this.#lives.of(one.name).filter((each) => each !== one && each.folder === one.folder)
    this.#wanted(one, before.length > 0)
    const last = before.at(-1)
    if (!last) return
    this.#byItsStrategy(one, last)
    this.#withReason(one, last)
    this.#inTime(one, before)
  }

  #wanted({ name, at }: Incarnation, ranBefore: boolean): void {
    const believed = this.#since(name, at - 5000)
    if (believed.length === 0) return
    if (believed.every(({ deleted }) => deleted)) this.#sight.fail('I13', `${name} was started after its deletion`)
    if (believed.every(({ strategy }) => strategy === 'Halted'))
      this.#sight.fail('I13', `${name} is Halted and was started`)
    if (ranBefore || this.#lost()) return
    // A controller that died at once may have believed more than was seen of it.
    const all = [...this.#believed.get(name)!, ...this.#history.all(name).flatMap(({ vm }) => vm ?? [])]
    const ever = all.every(({ strategy }) => strategy === 'Manual' || strategy === 'Halted')
    if (ever && !this.#powered.has(name)) this.#sight.fail('I13', `${name} is Manual and was started, and nobody asked`)
  }

  /** What its run strategy makes of an end that was none of ours. */
  #byItsStrategy({ name, at }: Incarnation, last: Incarnation): void {
    if (!endedByItself(last) || last.failed || last.vmm.boots === 0 || this.#lost() || this.#untold.has(last)) return
    const since = this.#since(name, last.over! - 1000)
    const [first] = since
    if (!first || since.some(({ strategy, deleted }) => strategy !== first.strategy || deleted)) return
    if (this.#powered.get(name)?.some((when) => when >= last.at && when <= at)) return
    const { strategy } = first
    const mayNot = strategy === 'Manual' || strategy === 'Once' || (strategy === 'RerunOnFailure' && last.shutdown)
    if (mayNot) this.#sight.fail('I9', `${name} is ${strategy}, had ended by itself and was started again`)
  }

  /** Nothing that it is made of changed, nobody asked, it ran: and it was stopped and started. */
  #withReason({ name, at }: Incarnation, last: Incarnation): void {
    if (last.ordered === null || endedByItself(last) || last.failed || last.vmm.boots === 0) return
    const from = this.#history.knownSince(last.at)
    if (this.#history.tornDuring(from, at)) return
    const wanted = this.#history.during(name, from, at)
    const [first] = wanted
    // One whose deletion is held runs on, and what it is made of may change.
    if (!first || first.vm === null) return
    if (wanted.some(({ makes, vm }) => makes !== first.makes || vm?.strategy !== first.vm?.strategy)) return
    if (this.#asked.get(name)?.some((when) => when >= from && when <= at)) return
    this.#sight.fail('I9', `${name} was restarted without a reason`)
  }

  /** The pause after each end of a row of them. */
  #inTime({ name, at, folder }: Incarnation, before: readonly Incarnation[]): void {
    if (this.#lost()) return
    let count = 0
    for (const one of before.toReversed()) {
      if (!endedByItself(one) || one.failed || one.vmm.boots === 0) break
      const end = one.over!
      if (this.#boots.some((when) => when >= one.at && when <= end + 1) || this.#untold.has(one)) break
      // How long it ran and when it may be tried again are told by that clock.
      if (this.#clockSets.some((when) => when >= one.at && when <= at)) return
      if (this.#asked.get(name)?.some((when) => when >= one.at)) break
      count += 1
    }
    const end = before.at(-1)!.over!
    if (count < 2 || this.#isChanged(name, before.at(-1)!.at, at)) return
    const least = 0.9 * pause(count, folder)
    if (at - end < least)
      this.#sight.fail('backoff', `${name} ended ${count} times and was started ${at - end} ms later`)
  }

  /** What it is made of is another than it may have been started with. */
  #isChanged(name: string, startedAt: number, to: number): boolean {
    const from = this.#history.knownSince(startedAt)
    const wanted = this.#history.during(name, from, to)
    return this.#history.tornDuring(from, to) || wanted.some(({ makes }) => makes !== wanted[0]?.makes)
  }

  /** What was believed of it at any time since then. */
  #since(name: string, from: number): readonly Believed[] {
    const all = this.#believed.get(name) ?? []
    return all.filter((_, index) => (all[index + 1]?.at ?? Number.POSITIVE_INFINITY) > from)
  }

  /** Somebody took what no host can say. */
  #lost(): boolean {
    const { tally } = this.#sight
    return tally.has('ledger removed') || tally.has('ledger torn') || tally.has('index removed')
  }
}

function push<T>(lists: Map<string, T[]>, name: string, item: T): void {
  const list = lists.get(name)
  if (list) list.push(item)
  else lists.set(name, [item])
}
