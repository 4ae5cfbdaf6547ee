import type { History, Sight } from './oracle-history.ts'
import type { Incarnation, Lives } from './oracle-lives.ts'

/** Faults under which a press may not reach its VMM, or come late. */
const muffling = /^(QMP|greeting|slow calls|clock set|read error|list error)/

/** Milliseconds within which a VMM that answers again has been asked. */
const reach = 1500

/** Whether guests are asked before they are ended, and those that share a secret go one by one. */
export class Stops {
  readonly #sight: Sight
  readonly #history: History
  readonly #lives: Lives
  /** When somebody asked for anything, by name. */
  readonly #asked: { readonly name: string; readonly at: number }[] = []
  /** Who was ordered to go because a value changed, and has not been seen to serve again. */
  readonly #rotating = new Map<string, { readonly at: number; readonly old: Incarnation }>()

  constructor(sight: Sight, history: History, lives: Lives) {
    this.#sight = sight
    this.#history = history
    this.#lives = lives
  }

  /** A line of the trace: what the controller is about to do. */
  note(line: string): void {
    this.look()
    const now = this.#sight.host.time
    const asked = /^operator: \w+ (\S+)$/.exec(line)?.[1]
    if (asked) this.#asked.push({ name: asked, at: now })
    const written = /^stream\.write \S+\/vms\/([^/]+)\/qmp\.sock .*"execute":"(system_powerdown|quit)"/.exec(line)
    if (written) {
      // One that is dying is asked in vain, by somebody who cannot know.
      for (const one of this.#lives.apparent) if (one.folder === written[1] && one.over !== null) one.ordered ??= now
      for (const one of this.#lives.living) {
        if (one.folder !== written[1] || one.over !== null) continue
        if (written[2] === 'quit') this.#ends(one, now, 'told to quit')
        else one.pressed ??= now
        this.#ordered(one, now)
      }
    }
    const pid = /^process\.signal SIGKILL (\d+)$/.exec(line)?.[1]
    for (const one of this.#lives.living) {
      if (String(one.vmm.pid) !== pid || one.over !== null) continue
      // Who spawned it and has not told how that went undoes it.
      if (!one.begun && one.by === this.#sight.host.lives) one.failed = true
      this.#ends(one, now, 'killed')
      this.#ordered(one, now)
    }
  }

  /** A line of the log. */
  log(message: string, action: string): void {
    if (message !== 'done' && message !== 'failed' && message !== 'called back') return
    const folder = /^(?:start|stop|conclude)Machine\/(.+)$/.exec(action)?.[1]
    if (folder === undefined) return
    for (const name of this.#lives.names) {
      const last = this.#lives.of(name).at(-1)
      if (last?.folder !== folder) continue
      if (action.startsWith('start')) last.begun = true
      if (message === 'done') continue
      if (action.startsWith('start')) last.failed = true
      this.#rotating.delete(name)
    }
  }

  /** After each step. */
  look(): void {
    for (const [name, { at, old }] of this.#rotating) {
      const last = this.#lives.of(name).at(-1)
      const served = last !== old && (last?.served || last?.over !== null)
      const readiness = this.#sight.site.wanted.vms[name]?.readiness ?? false
      const runs = last !== old && !readiness && last?.vmm.state === 'running'
      // Without its folder nobody can ask it, and it holds nobody.
      const mute = last !== old && last !== undefined && !this.#sight.host.has(`${last.vmm.spec.directory}/life.sock`)
      if (served || runs || mute || this.#isOtherwise(name, at)) this.#rotating.delete(name)
    }
  }

  /** Something else than the value was changed meanwhile: it may come back later, or not at all. */
  #isOtherwise(name: string, at: number): boolean {
    const all = this.#history.all(name)
    const then = all.findLast((since) => since.at <= at)
    return all.some(
      (since) => since.at > at && (since.plain !== then?.plain || since.vm?.strategy !== then.vm?.strategy),
    )
  }

  /** Ended by order while its guest serves: it must have been asked, and had its time. */
  #ends(one: Incarnation, now: number, how: string): void {
    const { tally, host } = this.#sight
    if (!one.vmm.up || one.failed || [...tally.keys()].some((kind) => muffling.test(kind))) return
    if (!host.has(`${one.vmm.spec.directory}/life.sock`)) return
    const graces = this.#history.all(one.name).flatMap(({ vm }) => vm?.grace ?? [])
    const least = Math.min(...graces) * 1000
    const { stood } = one
    if (stood !== null && now - stood < reach) return
    // One that stood still is asked when it is back, and has what is left of its time.
    if (stood !== null && one.pressed !== null && one.pressed >= stood && one.pressed - stood < reach) return
    if (one.pressed === null) this.#sight.fail('graceful', `${one.name} was ${how} and never asked to go`)
    else if (now - one.pressed < least - 500)
      this.#sight.fail('graceful', `${one.name} was ${how} ${now - one.pressed} ms after it was asked`)
  }

  #ordered(one: Incarnation, now: number): void {
    if (one.ordered !== null) return
    one.ordered = now
    if (!this.#isRotation(one, now)) return
    const own = this.#sight.site.wanted.vms[one.name]?.credential
    for (const [name, { old }] of this.#rotating) {
      // One that does not serve yet, or not as far as anybody knows, takes nothing away: its start is called back for the
      // newer value.
      if (!one.vmm.up || (!one.begun && one.by === this.#sight.host.lives)) break
      const other = this.#sight.site.wanted.vms[name]
      if (name === one.name || other?.credential !== own) continue
      const how = old.over === null ? 'is on its way down' : 'has not served since'
      this.#sight.fail('I8', `${one.name} goes for a new value while ${name} ${how}`)
    }
    this.#rotating.set(one.name, { at: now, old: one })
  }

  /** Only the value of its credential changed since it was started. */
  #isRotation({ name, at }: Incarnation, now: number): boolean {
    const from = this.#history.knownSince(at)
    const wanted = this.#history.during(name, from, now)
    const [first] = wanted
    if (!first || this.#history.tornDuring(from, now)) return false
    if (this.#asked.some((one) => one.name === name && one.at >= from)) return false
    return (
      first.plain !== 'none' &&
      wanted.every(({ plain, vm }) => plain === first.plain && vm?.strategy === 'Always') &&
      wanted.some(({ makes }) => makes !== first.makes)
    )
  }
}
