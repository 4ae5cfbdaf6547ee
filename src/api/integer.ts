import * as z from 'zod'

/** A whole number from `min` to `max`. */
export function integer(min: number, max: number) {
  return z.number().int().min(min).max(max)
}
