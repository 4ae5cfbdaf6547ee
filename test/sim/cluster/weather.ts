import type { ApiServer } from '../../../src/world/api-server.ts'
import { count, type Tally } from '../faults.ts'
import type { Dice } from '../random.ts'
import type { SimCluster } from './cluster.ts'
import type { Rates, WeatherKind } from './rates.ts'
import type { Silence, Way } from './way.ts'
import { weatheredSend } from './weather-request.ts'
import { weatheredWatch } from './weather-watch.ts'

/** What stands between each client and the server. Nothing is wrong until somebody says so. */
export class Weather {
  readonly tally: Tally
  /** The server refuses every watch with 410. */
  tooOld = false
  /** When a watch hung last, as far as anybody looked. */
  hungAt = 0
  readonly #cluster: SimCluster
  readonly #dice: Dice
  readonly #ways = new Map<string, Way>()
  readonly #cut = new Map<string, Silence>()
  #rates: ReadonlyMap<string, Rates> = new Map()
  #away: Silence | null = null
  readonly #forced = new Map<string, WeatherKind>()

  constructor(cluster: SimCluster, dice: Dice, tally: Tally) {
    this.#cluster = cluster
    this.#dice = dice
    this.tally = tally
  }

  /** The server as that client reaches it. */
  api(client: string): ApiServer {
    const way = this.#wayOf(client)
    const { server } = this.#cluster
    return {
      address: server.address,
      send: (request, signal) => weatheredSend(way, request, signal),
      watch: (request, signal) => weatheredWatch(way, request, signal),
    }
  }

  /** Requests of a client so far. */
  asked(client: string): number {
    return this.#ways.get(client)?.asked ?? 0
  }

  /** Those that would change something but a Lease, and perhaps did not. */
  written(client: string): number {
    return this.#ways.get(client)?.written ?? 0
  }

  /** How often what strikes whom from now on. */
  blow(rates: ReadonlyMap<string, Rates>): void {
    this.#rates = rates
  }

  /** The next thing of that kind that can strike a client does. */
  strike(client: string, kind: WeatherKind): void {
    this.#forced.set(client, kind)
  }

  /** Whether nobody reaches the server. */
  get away(): boolean {
    return this.#away !== null
  }

  /** Nobody reaches the server any more. */
  leave(how: Silence): void {
    this.#away = how
    for (const way of this.#ways.values()) sever(way, how)
  }

  /** One client does not reach it any more. */
  cut(client: string, how: Silence): void {
    this.#cut.set(client, how)
    const way = this.#ways.get(client)
    if (way !== undefined) sever(way, how)
  }

  /** Everybody reaches it again. What hung then hangs on. */
  return(): void {
    this.#away = null
    this.tooOld = false
    this.#cut.clear()
  }

  /** Nothing strikes any more. What hung then hangs on, until its client gives it up. */
  clear(): void {
    this.#rates = new Map()
    this.#forced.clear()
    this.return()
  }

  /** Whether a watch is open on which nothing will ever come. */
  get hangs(): boolean {
    const hangs = [...this.#ways.values()].some(({ watches }) => [...watches].some(({ mute }) => mute))
    if (hangs) this.hungAt = this.#cluster.time
    return hangs
  }

  #wayOf(client: string): Way {
    const found = this.#ways.get(client)
    if (found !== undefined) return found
    const dice = this.#dice.fork(client)
    const weather = this
    const way: Way = {
      ...{
        client,
        cluster: this.#cluster,
        dice,
        latency: dice.pick([0, 1, 7]),
        watches: new Set(),
        asked: 0,
        written: 0,
      },
      strikes: (kind) => {
        const rate = this.#rates.get(client)?.get(kind)
        const isForced = this.#forced.get(client) === kind
        if (isForced) this.#forced.delete(client)
        else if (rate === undefined || !dice.chance(rate)) return false
        count(this.tally, kind)
        this.#cluster.note(`${client}: fault: ${kind}`)
        return true
      },
      get tooOld() {
        return weather.tooOld
      },
      get silence() {
        return weather.#away ?? weather.#cut.get(client) ?? null
      },
    }
    this.#ways.set(client, way)
    return way
  }
}

function sever({ watches }: Way, how: Silence): void {
  for (const watch of [...watches]) {
    if (how === 'refused') watch.break()
    else watch.hush()
  }
}
