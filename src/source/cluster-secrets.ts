import { isMap, mapsIn } from '../api/rule.ts'

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
    for (const name of namesIn(object.spec)) found.set(`Secret/${namespace}/${name}`, { namespace, name })
  }
  return found
}

/** The names of the Secrets that a spec of a MicroVM refers to, each once. */
export function namesIn(spec: Record<string, unknown>): ReadonlySet<string> {
  const credentials = mapsIn(spec.credentials, 'items').map(({ source }) => source)
  const guest = isMap(spec.guest) ? [spec.guest.rootPasswordHashFrom] : []
  const names = [...credentials, ...guest].flatMap((source) => {
    const ref = isMap(source) ? source.secretKeyRef : undefined
    return isMap(ref) && typeof ref.name === 'string' ? [ref.name] : []
  })
  return new Set(names)
}
