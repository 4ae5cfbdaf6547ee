import { parseManifest } from '../api/manifest.ts'
import { keyOfRef, type ObjectRef } from '../api/meta.ts'
import type { SeenDocument } from './tree.ts'

/** What may name an object; a bad one may have any text of any length in its place. */
const LABEL = /^[a-z0-9-]{1,63}$/

/** {@link documentsOf}, or what answers the same for the same text. */
export type Parse = (text: string) => readonly SeenDocument[]

/** The documents of a manifest's text, each with the object it speaks of as far as that can be told. Pure; never throws. */
export function documentsOf(text: string): readonly SeenDocument[] {
  return parseManifest(text).map(({ object, ref, problems, lines }) => ({
    ...named(ref),
    object: object ?? null,
    line: lines.first,
    problems,
  }))
}

function named(ref: ObjectRef | undefined): Pick<SeenDocument, 'key' | 'ref'> {
  const isNamed = ref !== undefined && LABEL.test(ref.name) && (ref.namespace === '' || LABEL.test(ref.namespace))
  return isNamed ? { key: keyOfRef(ref), ref } : { key: null, ref: null }
}
