import { parseManifest } from '../api/manifest.ts'
import { keyOfRef } from '../api/meta.ts'
import type { SeenDocument } from './tree.ts'

/** The documents of a manifest's text, each with the object it speaks of as far as that can be told. Pure; never throws. */
export function documentsOf(text: string): readonly SeenDocument[] {
  return parseManifest(text).map(({ object, ref, problems, lines }) => ({
    key: ref === undefined ? null : keyOfRef(ref),
    ref: ref ?? null,
    object: object ?? null,
    line: lines.first,
    problems,
  }))
}
