import * as z from 'zod'
import { conditions } from './conditions.ts'
import { integer } from './integer.ts'
import { text } from './text.ts'

/**
 * The status of a kind. It is read loosely: unknown members pass, strings are open and bounded, so that an older reader
 * survives a newer writer.
 */
export function statusOf<S extends z.ZodRawShape>(shape: S) {
  const common = {
    phase: text(63).describe('One word on how far the object is; open, more may come.').optional(),
    observedGeneration: integer(-1, Number.MAX_SAFE_INTEGER)
      .describe('The generation of spec that this status is about; -1 before the first look.')
      .optional(),
    conditions: conditions.describe('What holds for the object; Ready sums it up.').optional(),
  }
  return z.looseObject({ ...common, ...shape }).describe('What is; written by the controller, never by users.')
}
