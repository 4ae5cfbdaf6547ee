import { createHash } from 'node:crypto'

/** Characters that are hashed at once. */
const most = 1 << 14

/** What happened, in order: a hash over all of it, and the last lines for people. */
export class Trace {
  readonly #hash = createHash('sha256')
  readonly #kept: number
  readonly #lines: string[] = []
  #count = 0
  /** Lines that the hash has not seen yet. */
  #unhashed = ''

  /** @param kept lines that are kept; 0 for the hash alone */
  constructor(kept: number) {
    this.#kept = kept
  }

  get count(): number {
    return this.#count
  }

  /** @param at milliseconds since the run began */
  add(at: number, line: string): void {
    this.#count += 1
    const text = `${at} ${line}\n`
    this.#unhashed += text
    if (this.#unhashed.length > most) this.#digest()
    if (this.#kept === 0) return
    this.#lines.push(text)
    if (this.#lines.length > 2 * this.#kept) this.#lines.splice(0, this.#kept)
  }

  lines(): readonly string[] {
    return this.#lines.slice(-this.#kept)
  }

  /** 16 hex digits over everything so far. */
  hash(): string {
    this.#digest()
    return this.#hash.copy().digest('hex').slice(0, 16)
  }

  #digest(): void {
    this.#hash.update(this.#unhashed)
    this.#unhashed = ''
  }
}
