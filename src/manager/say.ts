import { type ObjectKey, type ObjectRef, parseKey } from '../api/meta.ts'
import { formatQuantity } from '../api/quantity.ts'

/** `MicroVM default/slot1`, `MicroVMImage debian`. */
export function sayRef(object: ObjectRef | ObjectKey): string {
  const { kind, namespace, name } = typeof object === 'string' ? parseKey(object) : object
  return `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`
}

/** An amount as people write it. */
export function sayAmount(what: 'vcpu' | 'memory' | 'disk', amount: number): string {
  const least = Math.max(amount, 0)
  return what === 'vcpu' ? `${least} vcpu` : `${formatQuantity(least)} of ${what}`
}
