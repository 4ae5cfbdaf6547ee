import { resolve } from 'node:path'
import { type Claim, claimsOf, documentProblems } from '../source/claims.ts'
import { documentsOf } from '../source/documents.ts'
import { faultOf } from '../source/file-fault.ts'
import { scanLimits } from '../source/limits.ts'
import { Scanner } from '../source/scan.ts'
import type { SeenDocument, SeenFile } from '../source/tree.ts'
import { FileError } from '../world/files.ts'
import type { Context } from './context.ts'
import { readInput } from './input.ts'

/** What some paths hold: each file by the name that people gave it, with what the controller would make of it. */
export interface Manifests {
  readonly files: ReadonlyMap<string, SeenFile>
  /** `file:line:column: message`, in the order of files and lines. */
  readonly problems: readonly string[]
  readonly documents: readonly SeenDocument[]
}

/** Reads files, folders and `-` (stdin) as the controller reads its directory. */
export async function readManifests(context: Context, paths: readonly string[]): Promise<Manifests> {
  const files = new Map<string, SeenFile>()
  for (const path of new Set(paths)) {
    for (const [name, file] of await readPath(context, path)) files.set(name, file)
  }
  const documents = [...files.values()].flatMap((file) => file.documents)
  return { files, problems: problemsOf(files), documents }
}

async function readPath(context: Context, path: string): Promise<Iterable<readonly [string, SeenFile]>> {
  if (path === '-') return [['stdin', seen(await readInput(scanLimits.fileBytes))]]
  try {
    const stat = await context.files.statFollowing(resolve(path))
    if (stat === null) return [[path, faulty('is not there')]]
    if (stat.type !== 'directory') return [[path, seen(await readFile(context, path))]]
    return await readFolder(context, path)
  } catch (error) {
    return [[path, faulty(faultOf(error))]]
  }
}

async function readFolder({ files, clock }: Context, path: string): Promise<Iterable<readonly [string, SeenFile]>> {
  const tree = await new Scanner(files, clock, resolve(path)).scan(new AbortController().signal)
  const below = (name: string) => `${path.replace(/\/+$/, '')}/${name}`
  const faults = [...tree.directories].filter(([, { fault }]) => fault !== null)
  return [
    ...(tree.fault === null ? [] : [[path, faulty(tree.fault)] as const]),
    ...faults.map(([name, { fault }]) => [name === '' ? path : below(name), faulty(fault ?? '')] as const),
    ...[...tree.files].map(([name, file]) => [below(name), file] as const),
  ]
}

async function readFile({ files }: Context, path: string): Promise<string> {
  const bytes = await files.readFollowing(resolve(path), scanLimits.fileBytes)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new FileError('EILSEQ', path, 'not UTF-8')
  }
}

function seen(text: string): SeenFile {
  if (text.trim() === '') return faulty('is empty: write an object into it or take it away')
  return { stamp: '', fault: null, documents: documentsOf(text), text: '' }
}

function faulty(fault: string): SeenFile {
  return { stamp: '', fault, documents: [], text: '' }
}

function problemsOf(files: ReadonlyMap<string, SeenFile>): readonly string[] {
  const claims = claimsOf({ root: '', fault: null, unsteady: false, directories: new Map(), files })
  const found: { file: string; line: number; text: string }[] = []
  for (const [file, { fault, documents }] of files) {
    if (fault !== null) found.push({ file, line: 0, text: `${file}: the file ${fault}` })
    for (const document of documents) {
      for (const { line, column, message } of documentProblems(file, document)) {
        found.push({ file, line, text: `${file}:${line}:${column}: ${message}` })
      }
    }
  }
  for (const [key, list] of claims) {
    for (const claim of list.length > 1 ? list : []) {
      const { line } = claim.document
      found.push({ file: claim.file, line, text: `${claim.file}:${line}:1: ${twice(key, claim, list)}` })
    }
  }
  const order = [...files.keys()]
  found.sort((a, b) => order.indexOf(a.file) - order.indexOf(b.file) || a.line - b.line)
  return found.map(({ text }) => text)
}

function twice(key: string, claim: Claim, all: readonly Claim[]): string {
  const others = all.filter((one) => one !== claim).slice(0, 3)
  const places = others.map(({ file, document }) => `${file}:${document.line}`)
  return `${key} is in ${places.join(' and in ')} as well: take one of the two away`
}
