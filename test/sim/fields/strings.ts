import { addresses, labels, linkNames, paths } from './hints-text.ts'
import type { Schema } from './schema.ts'

/** What a text field takes and what it does not. */
export interface Strings {
  readonly valid: readonly string[]
  readonly invalid: readonly string[]
}

const nothingSpecial = { valid: ['x', 'ä "b", c=d: #e\\ \n$f', ''], invalid: ['a\0b'] }

/** By pattern; a pattern that is new stands here before any field may have it. */
const byPattern: Readonly<Record<string, Strings>> = {
  '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$': labels,
  '^[^\\x00]*$': nothingSpecial,
  '^[!-~]+$': { valid: ['x', '{"a":"b"},c=d;$(e)'], invalid: ['a b', 'ä', ''] },
  '^[ -~]*$': { valid: ['x', 'a="b c",d $e', ''], invalid: ['a\nb', 'ä', 'a\tb'] },
  '^[^\\x00-\\x1f\\x7f]+$': { valid: ['x', 'ä "b", c=d'], invalid: ['a\nb', '', 'a\x7f'] },
  '^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$': {
    valid: ['x', 'host-a.example.org'],
    invalid: ['-x', 'X', 'x.', 'x..y', 'x.-y', ''],
  },
  '^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$': { valid: ['x', 'X_y.z-0', ''], invalid: ['-x', 'x y', 'ä'] },
  '^[A-Za-z0-9_.-]+$': { valid: ['x', 'A_b.c-0'], invalid: ['a b', 'a/b', ''] },
  '^[-._a-zA-Z0-9]+$': { valid: ['x', '-._A'], invalid: ['a b', 'a/b', ''] },
  '^[A-Za-z0-9][A-Za-z0-9_.-]*$': linkNames,
  '^[0-9A-Fa-f][02468ACEace](:[0-9A-Fa-f]{2}){5}$': {
    valid: ['02:00:00:00:00:01', 'fE:Ab:00:00:00:02'],
    invalid: ['01:00:00:00:00:01', '02-00-00-00-00-01', '02:00:00:00:00', ''],
  },
  '^(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])([.](25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}$': addresses,
  '^(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])([.](25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}[/]([89]|[12][0-9]|30)$':
    { valid: ['10.1.0.0/25'], invalid: ['10.1.0.0', '10.1.0.0/024', '10.1.0/24', ''] },
  '^([A-Za-z0-9_][A-Za-z0-9_.@+~-]*)?$': { valid: ['HOST-', '_x.@+~', ''], invalid: ['-x', 'a:b', 'a,b', 'a=b'] },
  '^[A-Za-z0-9_][A-Za-z0-9_.@+~-]*$': { valid: ['x', '_x.@+~-'], invalid: ['-x', 'a:b', 'a,b', 'a=b', ''] },
  '^\\/[^\\x00-\\x1f\\x7f]*$': paths,
  '^\\/[!-~]*$': { valid: ['/', '/healthz?a=b&c="d"'], invalid: ['x', '', '/a b', '/ä'] },
  '^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?([.][A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$': {
    valid: ['x', 'Slot1.example.org'],
    invalid: ['-x', 'x..y', 'x_y', ''],
  },
  '^[0-9a-f]{64}$': { valid: ['0'.repeat(64)], invalid: ['0'.repeat(63), 'A'.repeat(64), ''] },
}

/** For fields whose rule is no pattern. */
const byPath: Readonly<Record<string, Strings>> = {
  'Secret.data{}': { valid: ['eA==', 'eHg=', ''], invalid: ['x', '%', 'eA=='.repeat(2)] },
  'Secret.stringData{}': { valid: ['x', 'ä\n', ''], invalid: [] },
}

/** The longest text that is tried; fields that take more are tried with it. */
const longest = 20_000

/** Throws for a pattern that nobody has thought of. */
export function stringsOf({ pattern, maxLength = 0 }: Schema, path: string): Strings {
  const known = byPath[path] ?? byPattern[pattern ?? '']
  if (known === undefined) throw new Error(`${path} has a pattern without examples: ${pattern}`)
  const valid = known.valid.filter((one) => one.length <= maxLength)
  const [tail = 'x'] = valid
  const longs = [tail.repeat(Math.ceil(maxLength / tail.length)).slice(0, maxLength)]
  const fits = (one: string) => maxLength <= longest && (pattern === undefined || new RegExp(pattern).test(one))
  const tooLong = maxLength < longest ? ['x'.repeat(maxLength + 1)] : []
  return { valid: [...new Set([...valid, ...longs.filter(fits)])], invalid: [...known.invalid, ...tooLong] }
}
