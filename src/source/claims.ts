import type { SourceProblem } from './source.ts'
import { fullPath, type SeenDocument, type SeenFile, type Tree } from './tree.ts'

/** A document that speaks of an object, and the manifest it is in. */
export interface Claim {
  /** Relative to the directory of manifests. */
  readonly file: string
  readonly document: SeenDocument
}

/** Every document whose object can be told, by its key; in the order of files and lines. */
export function claimsOf(tree: Tree): ReadonlyMap<string, readonly Claim[]> {
  const claims = new Map<string, Claim[]>()
  for (const [file, { documents }] of tree.files) {
    for (const document of documents) {
      if (document.key === null) continue
      const known = claims.get(document.key)
      if (known === undefined) claims.set(document.key, [{ file, document }])
      else known.push({ file, document })
    }
  }
  return claims
}

/** What is wrong with the manifests themselves, and with folders of them; of the directory as a whole the hold speaks. */
export function problemsOf({ root, files, directories }: Tree): readonly SourceProblem[] {
  const folders = [...directories].filter(([path, { fault }]) => path !== '' && fault !== null)
  return [
    ...folders.map(([path, { fault }]) => whole(fullPath(root, path), `the directory ${fault}`)),
    ...[...files].flatMap(([path, file]) => fileProblems(root, path, file)),
  ]
}

function whole(file: string, message: string): SourceProblem {
  return { file, line: 0, column: 0, message, key: null }
}

function fileProblems(root: string, path: string, { fault, documents }: SeenFile): readonly SourceProblem[] {
  const full = fullPath(root, path)
  if (fault !== null) return [whole(full, `the file ${fault}`)]
  return documents.flatMap((document) => documentProblems(full, document))
}

/** What is wrong with one document of a file. */
export function documentProblems(file: string, { key, problems }: SeenDocument): readonly SourceProblem[] {
  return problems.map(({ line, column, message }) => ({ file, line, column, message, key }))
}

/**
 * What keeps a file from saying of which objects it speaks: it cannot be read, or a document of it is bad and names no
 * object that is known. Such a document may be any object of the file under a misspelt name. Empty: all is understood.
 */
export function obscurities(
  root: string,
  path: string,
  file: SeenFile,
  knows: (key: string) => boolean,
): readonly SourceProblem[] {
  if (file.fault !== null) return fileProblems(root, path, file)
  return file.documents
    .filter(({ object, key }) => object === null && (key === null || !knows(key)))
    .flatMap((document) => documentProblems(fullPath(root, path), document))
}
