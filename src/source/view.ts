import type { Verdict } from './accept.ts'
import { fileOf, type Index, type IndexRecord } from './index.ts'
import type { Accepted, Origin } from './source.ts'
import { fullPath } from './tree.ts'

/** What a verdict adds to the objects of an index. */
export type Remarks = Pick<Verdict, 'newer' | 'lines'>

/** The objects of an index as the controller sees them; one whose stored value was lost is left out. */
export function acceptedOf(index: Index, root: string, remarks: Remarks): readonly Accepted[] {
  return [...index.records.values()].flatMap((record) => accepted(record, root, remarks))
}

function accepted(record: IndexRecord, root: string, { newer, lines }: Remarks): readonly Accepted[] {
  const { key, ref, uid, generation, createdAt, object, deletion } = record
  if (object === null) return []
  return [
    {
      key,
      ref,
      uid,
      generation,
      object,
      origin: originOf(record, root, lines),
      deletion: deletion === null ? null : { at: deletion.at },
      newer: newer.get(key) ?? [],
      createdAt,
    },
  ]
}

function originOf(record: IndexRecord, root: string, lines: Remarks['lines']): Origin {
  const origin = fileOf(record)
  if (origin === null) return { machine: true }
  return { file: fullPath(root, origin.file), line: lines.get(record.key) ?? origin.line }
}
