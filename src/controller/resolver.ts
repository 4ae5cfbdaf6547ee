import { canonical } from '../digest.ts'
import type { ResolveInput, Wanted } from '../resolve/input.ts'
import { type Resolved, resolve } from '../resolve/resolve.ts'

/**
 * `resolve`, but an input that is the one from before gets the answer from before: resolving a thousand VMs costs more
 * than everything else of an idle pass. Time matters only while there are operations; then it is asked anew.
 */
export function newResolver(): (input: ResolveInput) => Resolved {
  let last: { readonly input: ResolveInput; readonly resolved: Resolved } | null = null
  return (input) => {
    if (!last || !isSame(last.input, input)) last = { input, resolved: resolve(input) }
    return last.resolved
  }
}

function isSame(a: ResolveInput, b: ResolveInput): boolean {
  return (
    a.ledger === b.ledger &&
    a.features === b.features &&
    a.settings === b.settings &&
    a.objects.length === b.objects.length &&
    a.objects.every((object, index) => isSameObject(object, b.objects[index]!)) &&
    sameEntries(a.images, b.images) &&
    sameEntries(a.credentials, b.credentials)
  )
}

function isSameObject(a: Wanted, b: Wanted): boolean {
  if (a === b) return a.object.kind !== 'MicroVMOperation'
  return (
    a.object.kind !== 'MicroVMOperation' &&
    a.object === b.object &&
    a.uid === b.uid &&
    sameAssigned(a, b) &&
    (a.deletion === null) === (b.deletion === null)
  )
}

function sameAssigned({ assigned: a }: Wanted, { assigned: b }: Wanted): boolean {
  return a === b || (a !== undefined && b !== undefined && canonical(a) === canonical(b))
}

function sameEntries<T>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>): boolean {
  if (a.size !== b.size) return false
  for (const [key, value] of a) if (b.get(key) !== value) return false
  return true
}
