import { manage } from '../../../src/manager/manager.ts'
import { type Effect, type Fate, Mortal } from '../mortal.ts'
import { mortalApi } from '../mortal-api.ts'
import type { SimCluster } from './cluster.ts'

/** A place where a manager runs, one process after the other. */
export class SimManager {
  readonly name: string
  /** What becomes of it at its next effect. */
  fate: (effect: Effect) => Fate = () => 'lives'
  /** No more deaths, not even those that were decided before. */
  spared = false
  /** Processes that were started. */
  lives = 0
  /** It leads now. */
  leads = false
  onLog: (message: string, fields: object) => void = () => {}
  readonly #cluster: SimCluster
  #life: Mortal | null = null
  #failure: unknown = null
  #stop = new AbortController()

  constructor(cluster: SimCluster, name: string) {
    this.#cluster = cluster
    this.name = name
  }

  get life(): Mortal | null {
    return this.#life
  }

  /** Why it ended by itself, which it never should; null while it has not. */
  get failure(): unknown {
    return this.#failure
  }

  start(): void {
    if (this.#life !== null) throw new Error(`${this.name} runs already`)
    const { clock, weather } = this.#cluster
    this.lives += 1
    this.#note(`manager ${this.lives} starts`)
    const life: Mortal = new Mortal(clock, {
      fate: (effect) => this.fate(effect),
      latency: () => 0,
      spared: () => this.spared,
      stuck: (error) => {
        this.#failure = error
      },
      died: () => {
        this.#note(`manager ${this.lives} is killed`)
        if (this.#life === life) this.#life = null
        this.leads = false
      },
    })
    this.#life = life
    this.#stop = new AbortController()
    const random = this.#cluster.dice.fork(`${this.name} ${this.lives}`)
    const log = (level: string) => (fields: object, message: string) => {
      this.onLog(message, fields)
      if (level === 'warn') this.#note(`warn: ${message} ${JSON.stringify(fields)}`)
    }
    const options = {
      ...{ api: mortalApi(life, weather.api(this.name)), clock: life.clock, random, namespace: 'moorage-system' },
      identity: `${this.name}_${this.lives}`,
      log: { info: log('info'), warn: log('warn') },
      onLeading: (leads: boolean) => {
        this.leads = leads
        this.#note(leads ? 'leads' : 'leads no longer')
      },
    }
    void manage(options, this.#stop.signal).then(
      () => life.kill(),
      (error: unknown) => {
        if (life.dead) return
        this.#failure = error
        life.kill()
      },
    )
  }

  /** SIGKILL. */
  kill(): void {
    this.#life?.kill()
  }

  /** SIGTERM: it gives its Lease up. */
  end(): void {
    this.#note('is asked to end')
    this.#stop.abort(new Error('SIGTERM'))
  }

  #note(line: string): void {
    this.#cluster.note(`${this.name}: ${line}`)
  }
}
