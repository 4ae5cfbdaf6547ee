import type * as z from 'zod'
import type { Path } from './problem.ts'

/** As much of a zod schema's definition as is walked here. */
interface Definition {
  readonly type: string
  readonly shape?: Record<string, z.ZodType>
  readonly innerType?: z.ZodType
  readonly element?: z.ZodType
  readonly valueType?: z.ZodType
}

/** The fields that a schema knows at a path; none when there is no mapping with known fields. */
export function fieldsAt(schema: z.ZodType, path: Path): readonly string[] {
  let here: z.ZodType | undefined = schema
  for (const step of path) here = here === undefined ? undefined : inside(here, step)
  const shape = here === undefined ? undefined : definition(here).shape
  return shape === undefined ? [] : Object.keys(shape)
}

function inside(schema: z.ZodType, step: string | number): z.ZodType | undefined {
  const { shape, element, valueType } = definition(schema)
  if (typeof step === 'number') return element
  return shape === undefined ? valueType : shape[step]
}

/** The definition below optional, default and prefault. */
function definition(schema: z.ZodType): Definition {
  const { def } = schema as unknown as { def: Definition }
  return def.innerType === undefined ? def : definition(def.innerType)
}
