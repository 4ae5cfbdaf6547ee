import type { SourceProblem } from './source.ts'

/** What is wrong, as it is found: with a file, with an object, or with both. Each is told once. */
export class Notes {
  readonly #all = new Map<string, SourceProblem>()
  readonly #byKey = new Map<string, SourceProblem[]>()

  add(problems: readonly SourceProblem[]): void {
    for (const problem of problems) {
      const { file, line, column, message, key } = problem
      this.#all.set([file, line, column, message, key].join('\n'), problem)
    }
  }

  /** As `add`; they are also why a version of that object is not accepted, or why it is kept. */
  addTo(key: string, problems: readonly SourceProblem[]): void {
    if (problems.length === 0) return
    this.add(problems)
    this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), ...problems])
  }

  get byKey(): ReadonlyMap<string, readonly SourceProblem[]> {
    return this.#byKey
  }

  /** In the order of files, lines and columns. */
  all(): readonly SourceProblem[] {
    return [...this.#all.values()].sort(
      (a, b) => compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(a.message, b.message),
    )
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
