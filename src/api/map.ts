import * as z from 'zod'

/** A mapping with free keys: its keys, its values and their number are bounded. */
export function mapOf<K extends z.ZodString, V extends z.ZodType>(key: K, value: V, max: number) {
  return z
    .record(key, value)
    .meta({ maxProperties: max })
    .superRefine((map, context) => {
      if (Object.keys(map).length <= max) return
      context.addIssue({ code: 'custom', message: `must have at most ${max} entries` })
    })
}
