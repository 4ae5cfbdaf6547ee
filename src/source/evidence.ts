import { obscurities } from './claims.ts'
import { fileOf, type IndexRecord } from './index.ts'
import type { SourceProblem } from './source.ts'
import { foldersAbove, fullPath, type Tree } from './tree.ts'

export interface EvidenceContext {
  readonly tree: Tree
  /** By directory: why what is absent from it does not count. */
  readonly reasons: ReadonlyMap<string, string>
  readonly knows: (key: string) => boolean
}

/** Tells, for objects of which no manifest speaks, whether that is evidence of a deletion. */
export class Evidence {
  readonly #context: EvidenceContext
  readonly #obscure: ReadonlyMap<string, readonly SourceProblem[]>
  readonly #words = new Map<string, ReadonlySet<string>>()

  constructor(context: EvidenceContext) {
    this.#context = context
    this.#obscure = obscureFiles(context)
  }

  /** Manifests that do not say of which objects they speak. */
  get obscure(): number {
    return this.#obscure.size
  }

  /** What is wrong with its own manifest, which is there and may hold it; empty when that is not so. */
  ownManifest(record: IndexRecord): readonly SourceProblem[] {
    return this.#obscure.get(fileOf(record)?.file ?? '') ?? []
  }

  /** Why an object of which no manifest speaks is not taken as gone; null when it is cleanly gone. */
  keptBy(record: IndexRecord): readonly SourceProblem[] | null {
    const own = this.ownManifest(record)
    if (own.length > 0) return own
    return this.#byDirectory(fileOf(record)?.file ?? '') ?? this.#byMention(record)
  }

  /** A directory on the way to the manifest cannot be trusted. One that is gone from a trusted one is gone cleanly. */
  #byDirectory(file: string): readonly SourceProblem[] | null {
    const { reasons, tree } = this.#context
    for (const folder of foldersAbove(file)) {
      const reason = reasons.get(folder)
      if (reason === undefined) continue
      // Of the directory as a whole the hold of the source speaks.
      if (folder === '') return []
      return [{ file: fullPath(tree.root, folder), line: 0, column: 0, message: reason, key: null }]
    }
    return null
  }

  /** A file that cannot be understood names it: it may have moved there, and what is broken may need it. */
  #byMention({ key, ref }: IndexRecord): readonly SourceProblem[] | null {
    const { tree } = this.#context
    for (const path of this.#obscure.keys()) {
      if (!this.#wordsOf(path).has(ref.name)) continue
      const message = `${key} is in no manifest any more and is kept, since this file cannot be understood and names it: mend the file`
      return [{ file: fullPath(tree.root, path), line: 0, column: 0, message, key }]
    }
    return null
  }

  #wordsOf(path: string): ReadonlySet<string> {
    const known = this.#words.get(path)
    if (known !== undefined) return known
    const words = new Set(this.#context.tree.files.get(path)?.text.match(/[a-z0-9-]+/g))
    this.#words.set(path, words)
    return words
  }
}

function obscureFiles({ tree, knows }: EvidenceContext): ReadonlyMap<string, readonly SourceProblem[]> {
  const found = new Map<string, readonly SourceProblem[]>()
  for (const [path, file] of tree.files) {
    // Most files are good, and a good file is never obscure.
    if (file.fault === null && file.text === '') continue
    const problems = obscurities(tree.root, path, file, knows)
    if (problems.length > 0) found.set(path, problems)
  }
  return found
}
