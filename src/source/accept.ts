import { type BuryContext, buryAbsent, buryAsked, type Records } from './bury.ts'
import { type Claim, claimsOf, problemsOf } from './claims.ts'
import { Evidence } from './evidence.ts'
import { recoverHold, wholeHold } from './hold.ts'
import { fileOf, type Index, type IndexRecord } from './index.ts'
import { nextIndex } from './next-index.ts'
import { Notes } from './notes.ts'
import { type Trust, trust } from './replaced.ts'
import type { Settle } from './settle.ts'
import type { SourceProblem } from './source.ts'
import { take } from './take.ts'
import type { Tree } from './tree.ts'

/** What accepting needs to know besides the index and the tree. */
export interface AcceptContext extends Omit<BuryContext, 'root'> {
  /** Where an object of that key stands outside the manifests; null when nowhere. */
  elsewhere(key: string): string | null
  /** A uid for a newcomer. */
  uidOf(key: string): string
}

/** What follows from a scan. */
export interface Verdict {
  /** The very same value as before when nothing changed. It must be on the disk before anything of it is told. */
  readonly index: Index
  readonly problems: readonly SourceProblem[]
  /** By key: what is wrong with a version that was not accepted, or why an object without a manifest is kept. */
  readonly newer: ReadonlyMap<string, readonly SourceProblem[]>
  /** By key: the line in which the object stands now. */
  readonly lines: ReadonlyMap<string, number>
  /** See SourceView. */
  readonly hold: string | null
  readonly recheckAt: number | null
}

type Claims = ReadonlyMap<string, readonly Claim[]>

/**
 * Decides what the manifests say. Pure: the same index, tree and context give the same verdict. Present and good is taken
 * at once; present and bad keeps the last good version; absent counts as deleted only on evidence (evidence.ts,
 * replaced.ts), when it lasts (settle.ts), and unless too many go at once (guard.ts).
 */
export function accept(previous: Index, tree: Tree, context: AcceptContext): Verdict {
  const notes = new Notes()
  notes.add(problemsOf(tree))
  const claims = claimsOf(tree)
  const records = takePresent(previous, tree, claims, notes, context)
  const lines = new Map([...claims].map(([key, [first]]) => [key, first!.document.line]))
  const change = acceptAbsence(previous, tree, claims, records, notes, context)
  const { hold, dues } = change
  const index = nextIndex(previous, records, change.trust, change.complete)
  return { index, problems: notes.all(tree.root), newer: notes.byKey, lines, hold, recheckAt: earliest(dues) }
}

function takePresent(previous: Index, { root }: Tree, claims: Claims, notes: Notes, context: AcceptContext): Records {
  const records: Records = new Map(previous.records)
  const inRoot = { ...context, root }
  for (const [key, found] of claims) {
    const { record, newer } = take(key, found, previous.records.get(key) ?? null, inRoot)
    if (record !== null) records.set(key, record)
    notes.addTo(key, newer)
  }
  return records
}

interface Change {
  /** null when directories stay as they are known. */
  readonly trust: Trust | null
  /** Whether every manifest was understood, so that no uid is lost any more. */
  readonly complete: boolean
  readonly hold: string | null
  readonly dues: readonly (number | null)[]
}

function acceptAbsence(
  previous: Index,
  tree: Tree,
  claims: Claims,
  records: Records,
  notes: Notes,
  context: AcceptContext,
): Change {
  const soon = tree.unsteady ? context.now + context.settle.unsteady : null
  const knows = (key: string) => previous.records.has(key)
  const inRoot = { ...context, root: tree.root }
  const quick = new Evidence({ tree, reasons: new Map(), knows })
  buryAsked(records, absentOf(records, claims), quick, inRoot)
  const absent = absentOf(records, claims)
  const whole = wholeHold(tree, absent)
  if (whole !== null) return { trust: null, complete: false, hold: whole, dues: [soon] }
  const found = trust(previous, records.values(), { tree, claims, ...context })
  const evidence = new Evidence({ tree, reasons: found.reasons, knows })
  buryAbsent(records, absent, evidence, notes, inRoot)
  const readable = [...tree.directories.values()].every(({ fault }) => fault === null)
  const complete = tree.files.size > 0 && readable && evidence.obscure === 0
  const reason = found.reasons.get('')
  const hold = reason === undefined ? recoverHold(previous, tree, complete) : `${tree.root}: ${reason}`
  return { trust: found, complete, hold, dues: [soon, found.recheckAt, ...dues(records, context.settle)] }
}

/** Living objects from manifests of which no manifest speaks now. */
function absentOf(records: Records, claims: Claims): readonly IndexRecord[] {
  return [...records.values()].filter((record) => {
    return record.deletion === null && fileOf(record) !== null && !claims.has(record.key)
  })
}

function dues(records: Records, { gone }: Settle): readonly number[] {
  return [...records.values()].flatMap(({ absence }) =>
    absence === null || absence.held ? [] : [absence.since + gone],
  )
}

function earliest(times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null)
  return known.length === 0 ? null : Math.min(...known)
}
