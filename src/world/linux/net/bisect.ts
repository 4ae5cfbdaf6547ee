/** Says what is wrong with some items taken together; null when nothing is. */
export type Attempt<Item> = (items: readonly Item[]) => Promise<string | null>

/** Items that are accepted together, and for each of the others why it is not. */
export interface Parted<Item> {
  readonly good: readonly Item[]
  readonly bad: ReadonlyMap<Item, string>
}

/**
 * The most of `items`, in their order, that `attempt` accepts together, found by halves: some k × log2(n) attempts for
 * k bad ones. Of two that only clash with each other the first is kept. After `limit` attempts what is not yet known to
 * be good is given up as bad.
 */
export async function part<Item>(items: readonly Item[], attempt: Attempt<Item>, limit: number): Promise<Parted<Item>> {
  const good = new Set<Item>()
  const bad = new Map<Item, string>()
  let attempts = 0
  const settle = async (candidates: readonly Item[]): Promise<void> => {
    if (candidates.length === 0) return
    const tried = new Set([...good, ...candidates])
    const spent = attempts++ >= limit
    const why = spent
      ? 'not tried, because too many others were refused'
      : await attempt(items.filter((i) => tried.has(i)))
    if (why === null) {
      for (const item of candidates) good.add(item)
    } else if (spent || candidates.length === 1) {
      for (const item of candidates) bad.set(item, why)
    } else {
      const half = candidates.length >> 1
      await settle(candidates.slice(0, half))
      await settle(candidates.slice(half))
    }
  }
  await settle(items)
  return { good: items.filter((item) => good.has(item)), bad }
}
