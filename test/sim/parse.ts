import { documentsOf } from '../../src/source/documents.ts'
import type { SeenDocument } from '../../src/source/tree.ts'

/** Texts that are remembered; a host has a handful, and a process simulates thousands of hosts. */
const most = 2000

const known = new Map<string, readonly SeenDocument[]>()

/**
 * What `documentsOf` says, once for each text: it is pure, and every controller reads the same manifests anew. What is
 * shared is frozen, so that whoever changed it would throw.
 */
export function parse(text: string): readonly SeenDocument[] {
  const before = known.get(text)
  if (before !== undefined) return before
  const documents = frozen(documentsOf(text))
  if (known.size >= most) known.clear()
  known.set(text, documents)
  return documents
}

function frozen<T>(value: T): T {
  if (value === null || typeof value !== 'object' || Object.isFrozen(value)) return value
  for (const each of Object.values(value)) frozen(each)
  return Object.freeze(value)
}
