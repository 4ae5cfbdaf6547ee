import type { SourceProblem } from './source.ts'

/** How many problems are told at a time; the rest are counted. */
const MAX_TOLD = 1000

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
    this.add(problems)
    this.tell(key, problems)
  }

  /** Why an object is kept, when one problem that was added says it for many. */
  tell(key: string, problems: readonly SourceProblem[]): void {
    if (problems.length === 0) return
    this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), ...problems])
  }

  get byKey(): ReadonlyMap<string, readonly SourceProblem[]> {
    return this.#byKey
  }

  /** In the order of files, lines and columns. `root`: the file of a note on how many are left out. */
  all(root: string): readonly SourceProblem[] {
    const all = [...this.#all.values()].sort(
      (a, b) => compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(a.message, b.message),
    )
    if (all.length <= MAX_TOLD) return all
    const message = `${all.length - MAX_TOLD} more problems are not shown: mend these first`
    return [...all.slice(0, MAX_TOLD), { file: root, line: 0, column: 0, message, key: null }]
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
