import { change, changeAndDie, type Done, FreshHosts } from './fields/change.ts'
import { editsOf } from './fields/edits.ts'
import { refuse } from './fields/refuse.ts'
import { allFields, type Field, written } from './fields/schema.ts'
import { begin } from './progress.ts'

/** What became of every field of every kind that users write, with each value that it may have and may not have. */
export interface FieldReport {
  readonly kinds: number
  readonly fields: number
  /** Changes to another valid value and back. */
  readonly changes: number
  /** Bad values that were given and taken back. */
  readonly refusals: number
  /** Controllers that died within a change. */
  readonly deaths: number
  readonly violations: readonly string[]
}

/** Every `of`-th field, from the `index`-th on. */
export async function playFields({ index, of }: { index: number; of: number }): Promise<FieldReport> {
  const fresh = new FreshHosts()
  const mine = allFields().filter((_, at) => at % of === index)
  const report = { kinds: written.length, fields: mine.length, changes: 0, refusals: 0, deaths: 0 }
  const violations: string[] = []
  for (const field of mine) {
    begin(`field ${field.path}`)
    const edits = editsOf(field)
    const changed = await orFailed(field, change(edits, fresh))
    const died = await orFailed(field, changeAndDie(edits, fresh))
    const refused = await orFailed(field, refuse(edits))
    report.changes += changed.operations + died.operations
    report.deaths += died.deaths
    report.refusals += refused.operations
    for (const done of [changed, died, refused]) violations.push(...done.violations)
  }
  return { ...report, violations }
}

async function orFailed({ path }: Field, done: Promise<Done>): Promise<Done> {
  return done.catch((error: unknown) => ({ operations: 0, deaths: 0, violations: [`${path}: ${String(error)}`] }))
}
