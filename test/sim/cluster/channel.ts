/** Values that somebody sends to one reader, in order, until it ends or breaks. */
export class Channel<T> {
  readonly #queue: T[] = []
  #wake: (() => void) | null = null
  #end: { readonly error: unknown } | null = null

  push(value: T): void {
    if (this.#end !== null) return
    this.#queue.push(value)
    this.#wake?.()
  }

  /** What was sent before is still read. */
  end(error: unknown = null): void {
    this.#end ??= { error }
    this.#wake?.()
  }

  /** @param closed called when nobody reads any more */
  async *values(closed: () => void): AsyncGenerator<T> {
    try {
      for (;;) {
        while (this.#queue.length > 0) yield this.#queue.shift()!
        if (this.#end !== null) {
          if (this.#end.error !== null) throw this.#end.error
          return
        }
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        this.#wake = null
      }
    } finally {
      closed()
    }
  }
}
