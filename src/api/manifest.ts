import type { LineCounter, Node } from 'yaml'
import { checkObject } from './check.ts'
import { type AnyObject, kindOf } from './kinds.ts'
import { DEFAULT_NAMESPACE, type ObjectRef, refOf, SERVER_FIELDS } from './meta.ts'
import { hint } from './nearest.ts'
import { type Fault, type Path, type Problem, pathText } from './problem.ts'
import { isMap } from './rule.ts'
import { find, offsetOf } from './yaml-position.ts'
import { yamlSentence } from './yaml-sentence.ts'
import { errorsOf, MAX_DOCUMENTS, parseYaml, type YamlDocument } from './yaml-text.ts'
import { plainOf, type YamlValue } from './yaml-value.ts'

/** One object of a manifest, or what is wrong with it. */
export interface ManifestDocument {
  /** There exactly when there are no problems. Without `status` and without what only a server sets. */
  readonly object?: AnyObject
  /** Whom it is about, also when it is bad, as far as it says so. */
  readonly ref?: ObjectRef
  readonly problems: readonly Problem[]
  /** The first and the last line of the object in the text, from 1. */
  readonly lines: Lines
}

/** A range of lines, from 1, both inside. */
export interface Lines {
  readonly first: number
  readonly last: number
}

/** Where a YAML document stands, and what its aliases mean. */
interface Source {
  readonly text: string
  readonly lines: LineCounter
  readonly document: YamlDocument
  readonly targets: YamlValue['targets']
}

/** How many errors of YAML are told of one document: each one breeds others. */
const MAX_YAML_ERRORS = 5

const TOO_MANY = `more than ${MAX_DOCUMENTS} objects are in one file: split it`

/**
 * Reads a manifest: YAML 1.2 or JSON, one or more documents, `List`s of objects. Empty documents are passed over. What is
 * the controller's to write (`status`, uid, generation and the like) is accepted, as pasted output has it, and left out.
 * Pure; never throws, whatever the text is; bounded in size, depth, objects and aliases.
 */
export function parseManifest(text: string): readonly ManifestDocument[] {
  const { documents, lines, refused } = parseYaml(text)
  if (refused !== undefined) return [wholeFile(text, lines, refused)]
  const read: ManifestDocument[] = []
  for (const document of documents) {
    read.push(...readDocument({ text, lines, document, targets: new Map() }))
    if (read.length > MAX_DOCUMENTS) return [wholeFile(text, lines, { offset: document.range[0], message: TOO_MANY })]
  }
  return read
}

function readDocument(source: Source): readonly ManifestDocument[] {
  const broken = syntaxProblems(source)
  if (broken.length > 0) return [{ problems: broken, lines: linesOf(source, []) }]
  const { value, faults, targets } = plainOf(source.document.contents)
  if (faults.length > 0) {
    const problems = faults.slice(0, MAX_YAML_ERRORS).map(({ node, path, message }) => {
      return problemAt(source.lines, node.range?.[0] ?? 0, pathText(path), message)
    })
    return [{ ...refIn(value), problems, lines: linesOf(source, []) }]
  }
  if (value === null) return []
  if (isMap(value) && value.kind === 'List' && value.apiVersion === 'v1') return readList({ ...source, targets }, value)
  return [readObject({ ...source, targets }, value, [])]
}

function readList(source: Source, list: Record<string, unknown>): readonly ManifestDocument[] {
  const known = ['apiVersion', 'kind', 'metadata', 'items']
  const faults: Fault[] = Object.keys(list)
    .filter((key) => !known.includes(key))
    .map((key) => ({ path: [key], message: `unknown field ${pathText([key])}${hint(key, known)}`, atKey: true }))
  const items = Array.isArray(list.items) ? list.items : []
  if (!Array.isArray(list.items)) faults.push({ path: ['items'], message: 'items must be a list of objects' })
  if (items.length > MAX_DOCUMENTS) faults.push({ path: ['items'], message: TOO_MANY })
  if (faults.length > 0) return [{ problems: problemsOf(source, [], faults), lines: linesOf(source, []) }]
  return items.map((item, index) => readObject(source, item, ['items', index]))
}

function readObject(source: Source, value: unknown, path: Path): ManifestDocument {
  const checked = checkObject(manifestOf(value))
  const lines = linesOf(source, path)
  if ('object' in checked) return { object: checked.object, ref: refOf(checked.object), problems: [], lines }
  return { ...refIn(value), problems: problemsOf(source, path, checked.faults), lines }
}

function syntaxProblems({ document, lines }: Source): readonly Problem[] {
  const { explicit, version } = document.directives.yaml
  const errors = errorsOf(document)
    .slice(0, MAX_YAML_ERRORS)
    .map((error) => problemAt(lines, error.pos[0], '', yamlSentence(error)))
  if (explicit !== true || version === '1.2') return errors
  const message = 'a %YAML directive asks for another version than 1.2: take it out'
  return [problemAt(lines, document.range[0], '', message), ...errors]
}

/** The problems in the order of the text. */
function problemsOf(source: Source, base: Path, faults: readonly Fault[]): readonly Problem[] {
  const problems = faults.map((fault) => {
    const path = [...base, ...fault.path]
    const place = find(source.document.contents, path, source.targets)
    const named = fault.hideKey === true ? path.slice(0, -1) : path
    return problemAt(source.lines, offsetOf(place, fault.atKey === true), pathText(named), fault.message)
  })
  return problems.sort((a, b) => a.line - b.line || a.column - b.column)
}

function problemAt(lines: LineCounter, offset: number, path: string, message: string): Problem {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(line, 1), column: Math.max(col, 1), path, message }
}

/** The lines of what stands at a path; blank space after it does not count. */
function linesOf({ document, text, lines, targets }: Source, path: Path): Lines {
  const node: Node | null = find(document.contents, path, targets).value
  const [start, end] = node?.range ?? document.range
  const last = start + text.slice(start, end).trimEnd().length
  return { first: lines.linePos(start).line, last: lines.linePos(Math.max(start, last - 1)).line }
}

function wholeFile(text: string, lines: LineCounter, { offset, message }: { offset: number; message: string }) {
  const last = Math.max(1, lines.linePos(text.length).line)
  return { problems: [problemAt(lines, offset, '', message)], lines: { first: 1, last } }
}

/** What is left of an object without `status` and without what in `metadata` only a server sets: what people wrote. */
export function manifestOf(value: unknown): unknown {
  if (!isMap(value)) return value
  const { status: _, ...object } = value
  if (!isMap(object.metadata)) return object
  const metadata = { ...object.metadata }
  for (const name of SERVER_FIELDS) delete metadata[name]
  return { ...object, metadata }
}

/** The reference in what may not be a proper object. */
function refIn(value: unknown): { readonly ref?: ObjectRef } {
  if (!isMap(value) || !isMap(value.metadata)) return {}
  const kind = typeof value.kind === 'string' ? kindOf(value.kind) : undefined
  const { name, namespace = DEFAULT_NAMESPACE } = value.metadata
  if (kind === undefined || kind.apiVersion !== value.apiVersion) return {}
  if (typeof name !== 'string' || typeof namespace !== 'string') return {}
  return { ref: { kind: kind.kind, namespace: kind.scope === 'Namespaced' ? namespace : '', name } }
}
