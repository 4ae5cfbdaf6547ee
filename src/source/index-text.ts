import { hash } from 'node:crypto'
import { type Candidate, emptyIndex, type Index, type IndexRecord } from './index.ts'
import { isHeader, isRecord } from './index-schema.ts'
import type { DirectoryIdentity } from './tree.ts'

/** Meaning of the text; a newer one is not read. */
const VERSION = 1

interface Header {
  readonly moorage: 'index'
  readonly version: number
  readonly recover: boolean
  readonly ended: readonly string[]
  readonly directories: readonly (readonly [string, DirectoryIdentity])[]
  readonly candidates: readonly (readonly [string, Candidate])[]
  readonly records: number
}

/** An index as read, and in which lines it is damaged. Line 0: lines are missing. */
export interface Decoded {
  readonly index: Index
  readonly damaged: readonly number[]
}

/**
 * An index as text: a header, then a line for each record, each behind a checksum of its own, so that one bad block on a
 * disk costs one record and not all. The object of a Secret is left out: its text lies elsewhere.
 */
export function encodeIndex(index: Index): string {
  const { records, recover, ended } = index
  const [directories, candidates] = [[...index.directories], [...index.candidates]]
  const counted = { directories, candidates, records: records.size }
  const header: Header = { moorage: 'index', version: VERSION, recover, ended, ...counted }
  return [checked(JSON.stringify(header)), ...[...records.values()].map(recordLine), ''].join('\n')
}

/** null when a newer Moorage wrote it. What is damaged is left out, and `recover` is set. */
export function decodeIndex(text: string): Decoded | null {
  const [first = '', ...rest] = text.split('\n')
  const top = unchecked(first) as Header | null
  if (typeof top?.version === 'number' && top.version > VERSION) return null
  const header = isHeader(top) ? top : null
  const damaged = header === null ? [1] : []
  const records = new Map<string, IndexRecord>()
  for (const [at, line] of rest.entries()) {
    if (line === '') continue
    const record = unchecked(line)
    if (isRecord(record)) records.set(record.key, record)
    else damaged.push(at + 2)
  }
  if (header !== null && records.size + damaged.length < header.records) damaged.push(0)
  if (header === null) return { index: { ...emptyIndex(), records }, damaged }
  const { recover, ended } = header
  const [directories, candidates] = [new Map(header.directories), new Map(header.candidates)]
  return { index: { records, directories, candidates, recover: recover || damaged.length > 0, ended }, damaged }
}

/** Text behind a checksum of it, in one line. */
export function checked(json: string): string {
  return `${checksum(json)} ${json}`
}

/** What {@link checked} was given, parsed; null when it is damaged. */
export function unchecked(line: string): unknown {
  const json = line.slice(17)
  if (line[16] !== ' ' || checksum(json) !== line.slice(0, 16)) return null
  try {
    return JSON.parse(json)
  } catch {
    return null
  }
}

// Records never change, so that a line is made once however often the index is written.
const lines = new WeakMap<IndexRecord, string>()

function recordLine(record: IndexRecord): string {
  const known = lines.get(record)
  if (known !== undefined) return known
  const line = checked(JSON.stringify(record.ref.kind === 'Secret' ? { ...record, object: null } : record))
  lines.set(record, line)
  return line
}

function checksum(text: string): string {
  return hash('sha256', text).slice(0, 16)
}
