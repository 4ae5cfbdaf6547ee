/** Seeded chance: the same seed draws the same inputs. */
export interface Chance {
  /** A whole number from 0 to `below - 1`. */
  int(below: number): number
  /** True once in `times` draws. */
  once(times: number): boolean
  pick<T>(from: readonly T[]): T
}

/** Mulberry32: 32 bits of state, good enough to choose inputs. */
export function chance(seed: number): Chance {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (below: number): number => Math.floor(next() * below)
  return { int, once: (times) => int(times) === 0, pick: (from) => from[int(from.length)]! }
}

/** First seed of a run; `HOSTILE_SEED` chooses another. */
export const seed = Number(process.env.HOSTILE_SEED ?? 1)

/** So many inputs of each sort: `HOSTILE_TIMES` (default 1) multiplies. */
export function times(inputs: number): number {
  return Math.ceil(inputs * Number(process.env.HOSTILE_TIMES ?? 1))
}

/** What a run came to, in one line, past the reporter that would swallow it. */
export function tell(what: string, counts: Readonly<Record<string, number | string>>): void {
  const words = Object.entries(counts).map(([name, count]) => `${name} ${count}`)
  process.stderr.write(`hostile ${what}: seed ${seed}, ${words.join(', ')}\n`)
}
