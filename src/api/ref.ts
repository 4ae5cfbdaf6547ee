import * as z from 'zod'
import { label } from './text.ts'

/** A reference to one object of a known kind by name, in the same namespace when the kind has namespaces. */
export function nameRef(kind: string) {
  return z
    .strictObject(
      { name: label().describe(`Name of the ${kind}.`) },
      { error: (issue) => (typeof issue.input === 'string' ? 'must be a mapping such as { name: NAME }' : undefined) },
    )
    .meta({ 'x-kubernetes-map-type': 'atomic' })
}

/** A reference to an object by name. */
export type NameRef = z.infer<ReturnType<typeof nameRef>>
