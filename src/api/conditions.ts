import * as z from 'zod'
import { integer } from './integer.ts'
import { keyedList } from './list.ts'
import { text, time } from './text.ts'

/** A condition as Kubernetes' metav1.Condition, which kstatus, Flux, Argo and `kubectl wait` read. */
export const condition = z.looseObject({
  type: text(316).describe('What the condition is about, e.g. Ready.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  reason: text(1024).describe('One word in CamelCase for programs.'),
  message: text(32_768).describe('One sentence for people.'),
  lastTransitionTime: time().meta({ format: 'date-time' }).describe('When status last changed.'),
  observedGeneration: integer(0, Number.MAX_SAFE_INTEGER)
    .describe('The generation of the object that the condition is about.')
    .optional(),
})

/** The conditions of an object, one of each type. */
export const conditions = keyedList(condition, ['type'], 32)

/** A condition with its time. */
export type Condition = z.infer<typeof condition>

/** Whether a condition holds. */
export type ConditionStatus = Condition['status']

/** A condition whose time follows from what was there before. */
export interface NewCondition {
  readonly type: string
  readonly status: ConditionStatus
  readonly reason: string
  readonly message: string
  readonly observedGeneration?: number | undefined
}

/**
 * The conditions with one set: in its old place, or at the end. `lastTransitionTime` becomes `now` (RFC 3339) only when the
 * status differs. When nothing differs, the very same list comes back.
 */
export function setCondition(list: readonly Condition[], next: NewCondition, now: string): readonly Condition[] {
  const before = getCondition(list, next.type)
  if (before === undefined) return [...list, merged(next, now)]
  if (same(before, next)) return list
  const after = merged(next, before.status === next.status ? before.lastTransitionTime : now)
  return list.map((each) => (each.type === next.type ? after : each))
}

/** The conditions without one type; the very same list when it is not there. */
export function removeCondition(list: readonly Condition[], type: string): readonly Condition[] {
  return getCondition(list, type) === undefined ? list : list.filter((each) => each.type !== type)
}

/** The condition of a type. */
export function getCondition(list: readonly Condition[], type: string): Condition | undefined {
  return list.find((each) => each.type === type)
}

/** Whether the condition of a type is there and True. */
export function isTrue(list: readonly Condition[], type: string): boolean {
  return getCondition(list, type)?.status === 'True'
}

function merged({ type, status, reason, message, observedGeneration }: NewCondition, time: string): Condition {
  const always = { type, status, reason, message, lastTransitionTime: time }
  return observedGeneration === undefined ? always : { ...always, observedGeneration }
}

function same(a: Condition, b: NewCondition): boolean {
  return (
    a.status === b.status &&
    a.reason === b.reason &&
    a.message === b.message &&
    a.observedGeneration === b.observedGeneration
  )
}
