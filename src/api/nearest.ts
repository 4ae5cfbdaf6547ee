/**
 * The known name that a wrong one was probably meant to be: equal but for case, or at most a third of its letters away (one
 * at least, three at most). Undefined when none is near. Distance is optimal string alignment: insert, delete, replace,
 * swap of neighbours.
 */
export function nearest(wrong: string, known: Iterable<string>): string | undefined {
  const limit = Math.min(3, Math.max(1, Math.floor(wrong.length / 3)))
  let best: string | undefined
  let least = limit + 1
  for (const name of known) {
    // Lengths further apart than the limit need no table, which also bounds the work for absurd names.
    if (Math.abs(name.length - wrong.length) > limit) continue
    const apart = distance(wrong.toLowerCase(), name.toLowerCase())
    if (apart < least) [best, least] = [name, apart]
  }
  return best
}

/** `: did you mean NAME?` when one is near, else nothing. */
export function hint(wrong: string, known: Iterable<string>): string {
  const name = nearest(wrong, known)
  return name === undefined || name === wrong ? '' : `: did you mean ${name}?`
}

function distance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row[j] = Math.min(at(last, j) + 1, at(row, j - 1) + 1, replaced, swapped ? at(beforeLast, j - 2) + 1 : replaced)
    }
    beforeLast = last
    last = row
  }
  return at(last, b.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY
}
