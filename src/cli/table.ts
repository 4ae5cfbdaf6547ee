/** Columns so far apart, spaces. */
const gap = 3

/** Widths of the columns of some rows. */
export function widthsOf(rows: readonly (readonly string[])[]): readonly number[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length)
  }
  return widths
}

/** One row as a line without its end; the last cell is not padded. */
export function line(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd((widths[index] ?? 0) + gap)))
    .join('')
    .trimEnd()
}

/** Rows under each other, each with its line end; nothing for no rows. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = widthsOf(rows)
  return rows.map((row) => `${line(row, widths)}\n`).join('')
}
