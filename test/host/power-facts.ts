/** What somebody was told of a host, by name: a uid, a record, a volume. Values are compared as text. */
export type Facts = ReadonlyMap<string, string>

/** What a name meant, and when: a moment is a length of the disk's log. */
interface Telling {
  /** The moment before anything of it was written. */
  readonly from: number
  /** The moment when it had been told; from here on it must not be lost. */
  readonly told: number
  /** null: gone. */
  readonly value: string | null
}

/** All that was told while a scenario ran. */
export class Tale {
  readonly #tellings = new Map<string, Telling[]>()

  /** What is so after an act that began at `from` and was told at `told`; a name that is missing now is gone. */
  tell(facts: Facts, from: number, told: number): void {
    for (const name of new Set([...this.#tellings.keys(), ...facts.keys()])) {
      const value = facts.get(name) ?? null
      const tellings = this.#tellings.get(name) ?? [{ from: 0, told: 0, value: null }]
      this.#tellings.set(name, tellings)
      if (tellings.at(-1)!.value !== value) tellings.push({ from, told, value })
    }
  }

  get size(): number {
    return [...this.#tellings.values()].reduce((sum, tellings) => sum + tellings.length - 1, 0)
  }

  /** What is wrong with what a power loss at `moment` left, a sentence each: neither the last that was told nor newer. */
  wrong(found: Facts, moment: number): readonly string[] {
    const names = new Set([...this.#tellings.keys(), ...found.keys()])
    return [...names].flatMap((name) => {
      const tellings = this.#tellings.get(name) ?? [{ from: 0, told: 0, value: null }]
      const last = tellings.findLastIndex(({ told }) => told <= moment)
      const allowed = tellings.filter(({ from }, index) => index === last || (index > last && from <= moment))
      const value = found.get(name) ?? null
      if (allowed.some((one) => one.value === value)) return []
      return [`${name} is ${value}, and may be ${allowed.map((one) => one.value).join(' or ')}`]
    })
  }
}
