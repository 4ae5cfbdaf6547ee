import { isMap } from '../api/rule.ts'
import { secretNamesIn } from '../api/secret-names.ts'

export interface SecretName {
  readonly namespace: string
  readonly name: string
}

/** The Secrets that MicroVMs name, by key. The objects may be of any shape: their faults are told elsewhere. */
export function secretsOf(objects: Iterable<{ readonly object: unknown }>): ReadonlyMap<string, SecretName> {
  const found = new Map<string, SecretName>()
  for (const { object } of objects) {
    if (!isMap(object) || object.kind !== 'MicroVM' || !isMap(object.metadata) || !isMap(object.spec)) continue
    const { namespace } = object.metadata
    if (typeof namespace !== 'string') continue
    for (const name of secretNamesIn(object.spec)) found.set(`Secret/${namespace}/${name}`, { namespace, name })
  }
  return found
}
