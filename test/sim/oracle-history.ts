import type { SourceView } from '../../src/source/source.ts'
import type { SimHost } from './host.ts'
import type { Site } from './site.ts'
import type { Wanted, WantedVm } from './wanted.ts'

/** What an operator wanted of one VM from a moment on. */
export interface WantedSince {
  /** Milliseconds since the host was made. */
  readonly at: number
  /** Null when no manifest speaks of it, or its network is none. */
  readonly vm: WantedVm | null
  /** What a VMM has to be started anew for, as one word. */
  readonly makes: string
  /** The same without the revision of its credential. */
  readonly plain: string
  /** What is known of it without the key of the digests: nothing of where its credential comes from. */
  readonly keyless: string
}

/** What an oracle is given that asks nobody what is wanted. */
export interface Seen {
  readonly host: SimHost
  /** Kinds of faults and breaks that struck. */
  readonly tally: ReadonlyMap<string, number>
  fail(...words: string[]): void
}

/** What an oracle is given. */
export interface Sight extends Seen {
  readonly site: Site
}

/** Networks that have to be there: those that are wanted, and those that were deleted under VMs, for as long as these stay. */
export function networksOf({ host, site }: Sight): Wanted['networks'] {
  const { vms, networks } = site.wanted
  const used = new Set(Object.values(vms).map(({ network }) => network))
  const kept = (host.controller?.last?.source.objects ?? []).flatMap(({ object, deletion }) => {
    if (object.kind !== 'MicroVMNetwork' || deletion === null || !used.has(object.metadata.name)) return []
    return [[object.metadata.name, { nat: object.spec.nat === true }] as const]
  })
  return { ...Object.fromEntries(kept), ...networks }
}

/** What was wanted when; looked at in each step, since nobody tells. */
export class History {
  /** Moments at which a manifest was cut short or came back: what it said then is not known here. */
  readonly torn: number[] = []
  readonly #host: SimHost
  readonly #site: Site
  readonly #byName = new Map<string, WantedSince[]>()
  #seen: Wanted | null = null
  /** When a controller had read manifests that said what was wanted from before it began until it had done so. */
  readonly #reads: number[] = []
  #view: SourceView | null = null
  #isWhole = true

  constructor(host: SimHost, site: Site) {
    this.#host = host
    this.#site = site
  }

  look(): void {
    this.#lookAtReads()
    const { wanted } = this.#site
    if (wanted === this.#seen) return
    this.#seen = wanted
    for (const name of new Set([...this.#byName.keys(), ...Object.keys(wanted.vms)])) {
      const list = this.#byName.get(name) ?? []
      const vm = wanted.vms[name] ?? null
      const next = { at: this.#host.time, vm, ...wordsOf(wanted, vm) }
      const last = list.at(-1)
      if (last && last.makes === next.makes && JSON.stringify(last.vm) === JSON.stringify(vm)) continue
      this.#byName.set(name, [...list, next])
    }
  }

  #lookAtReads(): void {
    const view = this.#host.controller?.last?.source ?? null
    const { isWhole } = this.#site
    this.#isWhole &&= isWhole
    if (view === this.#view) return
    if (view !== null && this.#isWhole) this.#reads.push(this.#host.time)
    this.#view = view
    this.#isWhole = isWhole
  }

  /**
   * Since when all that was wanted may be what a controller went by at that moment: one that lives behind others that died
   * at once, and finds its manifests broken, goes by what was read and accepted last.
   */
  knownSince(at: number): number {
    return Math.min(at, this.#reads.findLast((read) => read <= at) ?? 0) - lag
  }

  /** Everything ever wanted of a VM, the oldest first. */
  all(name: string): readonly WantedSince[] {
    return this.#byName.get(name) ?? []
  }

  /** What was wanted at any time from one moment to another. */
  during(name: string, from: number, to: number): readonly WantedSince[] {
    const all = this.all(name)
    return all.filter(({ at }, index) => at <= to && (all[index + 1]?.at ?? Number.POSITIVE_INFINITY) >= from)
  }

  /** Whether a manifest was cut short within that time. */
  tornDuring(from: number, to: number): boolean {
    return this.torn.some((at) => at >= from - restored && at <= to)
  }
}

/** Milliseconds by which what the controller knows may lag behind what is wanted, where nothing keeps it from looking. */
const lag = 10_000

/** Milliseconds after which a manifest that was cut short is whole again, at most, and read. */
const restored = 5000

function wordsOf(wanted: Wanted, vm: WantedVm | null): Pick<WantedSince, 'makes' | 'plain' | 'keyless'> {
  if (vm === null || !(vm.network in wanted.networks)) return { makes: 'none', plain: 'none', keyless: 'none' }
  const { network, memory, machine, state, credential, token } = vm
  const plain = [network, memory, machine, state, credential, token, wanted.kernel].join()
  const revision = credential === 'Secret' ? wanted.secret : credential === 'file' ? wanted.file : 0
  const keyless = [network, memory, machine, state, credential !== null, token, wanted.kernel].join()
  return { plain, keyless, makes: `${plain},${revision}` }
}
