import { inspect } from 'node:util'

const hidden = '[secret]'

/**
 * A value that cannot be printed: not by a template, not by JSON, not by a logger, not by an inspector. Only `reveal`
 * gives it, and only to what hands it to a guest.
 */
export class Secret {
  readonly #value: Uint8Array

  constructor(value: Uint8Array) {
    this.#value = value
  }

  /** Bytes. */
  get length(): number {
    return this.#value.length
  }

  reveal(): Uint8Array {
    return this.#value
  }

  toString(): string {
    return hidden
  }

  toJSON(): string {
    return hidden
  }

  [inspect.custom](): string {
    return hidden
  }

  [Symbol.toPrimitive](): string {
    return hidden
  }
}
