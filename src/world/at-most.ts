/** Does `work` with each item, so many at a time. Rejects with the first failure, once what is under way has ended. */
export async function atMost<T>(count: number, items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const left = items[Symbol.iterator]()
  const worker = async (first: T) => {
    await work(first)
    for (let next = left.next(); !next.done; next = left.next()) await work(next.value)
  }
  const workers: Promise<void>[] = []
  while (workers.length < count) {
    const first = left.next()
    if (first.done) break
    workers.push(worker(first.value))
  }
  const ends = await Promise.allSettled(workers)
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}
