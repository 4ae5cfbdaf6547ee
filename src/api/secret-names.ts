import { isMap, mapsIn } from './rule.ts'

/** The names of the Secrets that a spec of a MicroVM refers to, each once. The spec may be of any shape. */
export function secretNamesIn(spec: unknown): ReadonlySet<string> {
  if (!isMap(spec)) return new Set()
  const credentials = mapsIn(spec.credentials, 'items').map(({ source }) => source)
  const guest = isMap(spec.guest) ? [spec.guest.rootPasswordHashFrom] : []
  const names = [...credentials, ...guest].flatMap((source) => {
    const ref = isMap(source) ? source.secretKeyRef : undefined
    return isMap(ref) && typeof ref.name === 'string' ? [ref.name] : []
  })
  return new Set(names)
}
