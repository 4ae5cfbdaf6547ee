import type { Chance } from './chance.ts'
import { mutate, mutateBytes } from './mutate.ts'
import { poison } from './strings.ts'

/** One reply made hostile: its structure, its bytes, or both. `value` is plain data; most come out as JSON in a line. */
export function hostileReply(value: unknown, from: Chance): Uint8Array {
  const changed = from.once(8) ? value : mutate(structuredClone(value), from, 300)
  const text = from.once(50) ? deep(from) : (JSON.stringify(changed) ?? '')
  const bytes = Buffer.from(text)
  return from.once(3) ? mutateBytes(bytes, from) : bytes
}

/** Nested deeper than any stack. */
function deep(from: Chance): string {
  const depth = from.pick([100, 10_000, 200_000])
  const [open, close] = from.pick([
    ['[', ']'],
    ['{"a":', '}'],
  ] as const)
  return `${open.repeat(depth)}${from.pick(['1', '"x"', JSON.stringify(poison(from, 40))])}${close.repeat(depth)}`
}

/** Whether an error is a sentence of ours, and not what JavaScript says when code trips. */
export function isSentence(error: unknown): boolean {
  return (
    error instanceof Error &&
    error.constructor.name !== 'TypeError' &&
    error.constructor.name !== 'RangeError' &&
    error.message !== ''
  )
}
