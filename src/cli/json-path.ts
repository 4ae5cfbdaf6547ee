const step = /\.([A-Za-z0-9_-]+)|\[(\d+)\]|\[\?\(@\.([A-Za-z0-9_-]+)==["']([^"']*)["']\)\]/y

/**
 * What stands at a path as the columns of a CRD write it: `.status.interfaces[0].name`,
 * `.status.conditions[?(@.type=="Ready")].status`. undefined when nothing does. Throws for any other kind of path.
 */
export function atJsonPath(value: unknown, path: string): unknown {
  let found = value
  step.lastIndex = 0
  while (step.lastIndex < path.length) {
    const at = step.lastIndex
    const match = step.exec(path)
    if (match === null) throw new Error(`${path} is no path of a column: look at ${path.slice(at)}`)
    const [, field, index, key, wanted] = match
    if (field !== undefined) found = memberOf(found, field)
    else if (index !== undefined) found = Array.isArray(found) ? found[Number(index)] : undefined
    else found = Array.isArray(found) ? found.find((one) => memberOf(one, key ?? '') === wanted) : undefined
  }
  return found
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined
}
