import type { Condition } from '../api/conditions.ts'
import type { ShownObject } from '../controller/control-wire.ts'

/** The conditions that a status has. */
export function conditionsOf({ status }: ShownObject): readonly Condition[] {
  const list = status?.conditions
  return Array.isArray(list) ? (list as Condition[]) : []
}

/** One condition of an object. */
export function conditionOf(object: ShownObject, type: string): Condition | undefined {
  return conditionsOf(object).find((condition) => condition.type.toLowerCase() === type.toLowerCase())
}

/**
 * Whether a condition has a status, as `kubectl wait` means it: one that is about an older version of the object does
 * not count.
 */
export function hasCondition(object: ShownObject, type: string, status: string): boolean {
  const condition = conditionOf(object, type)
  if (condition?.status.toLowerCase() !== status.toLowerCase()) return false
  const seen = condition.observedGeneration ?? object.status?.observedGeneration
  return typeof seen !== 'number' || seen >= object.metadata.generation
}
