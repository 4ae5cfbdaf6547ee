/** The items of `source` until it or the signal ends, even when its next item never comes. */
export async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncIterable<T> {
  const iterator = source[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await orAbort(iterator.next(), signal)
      if (next === null || next.done) return
      yield next.value
    }
  } finally {
    // Not awaited: a generator that waits for ever would answer only after what it waits for.
    void iterator.return?.()?.catch(() => {})
  }
}

/** null on abort. Not Promise.race: against one long-lived promise it would keep a reaction for each item. */
function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const onAbort = () => resolve(null)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
