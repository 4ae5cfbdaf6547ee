import * as z from 'zod'
import { type Rule, ruled } from './rule.ts'

/** An amount of bytes as Kubernetes writes it: a whole number, or text such as `512Mi`, `1.5Gi`, `10G`, `1e9`. */
export type Quantity = string | number

/** Bounds of a quantity, written as quantities so that they can be quoted. */
export interface QuantityBounds {
  readonly min: string
  readonly max: string
}

const PATTERN = /^[0-9]{1,19}([.][0-9]{1,9})?([KMGTPE]i|[kMGTPE]|[eE][0-9]{1,2})?$/
const PARTS = /^([0-9]+)(?:[.]([0-9]+))?([KMGTPE]i|[kMGTPE])?(?:[eE]([0-9]{1,2}))?$/
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']
const DECIMAL = ['', 'k', 'M', 'G', 'T', 'P', 'E']

/**
 * The bytes of a quantity; undefined when it is none, is negative, or is not a whole number of bytes (`100m`, `0.3Ki`).
 * Exact, also beyond 2^53. The syntax is Kubernetes' resource.Quantity without sign, `n`, `u`, `m` and negative exponents.
 */
export function parseQuantity(quantity: Quantity): bigint | undefined {
  if (typeof quantity === 'number')
    return Number.isSafeInteger(quantity) && quantity >= 0 ? BigInt(quantity) : undefined
  const parts = PATTERN.test(quantity) ? PARTS.exec(quantity) : null
  if (parts === null) return undefined
  const [, whole = '', fraction = '', suffix = '', exponent = '0'] = parts
  const scaled = BigInt(whole + fraction) * factor(suffix) * 10n ** BigInt(exponent)
  const divisor = 10n ** BigInt(fraction.length)
  return scaled % divisor === 0n ? scaled / divisor : undefined
}

/** The bytes of a quantity that passed its schema, as a number. Throws a RangeError on anything else. */
export function bytesOf(quantity: Quantity): number {
  const bytes = parseQuantity(quantity)
  if (bytes !== undefined && bytes <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(bytes)
  throw new RangeError(`${JSON.stringify(quantity)} is not a number of bytes below 2^53: write it like 512Mi`)
}

/** Bytes as the shortest exact quantity with a binary suffix: 1073741824 is `1Gi`, 1000 is `1000`. */
export function formatQuantity(bytes: number | bigint): string {
  let rest = BigInt(bytes)
  let step = 0
  while (rest !== 0n && rest % 1024n === 0n && step < BINARY.length - 1) {
    rest /= 1024n
    step += 1
  }
  return `${rest}${BINARY[step]}`
}

/** A quantity between bounds; int-or-string in the CRD. The value stays as it was written: see `bytesOf`. */
export function quantity(bounds: QuantityBounds) {
  const text = 'must be a quantity of whole bytes such as 512Mi or 64Gi'
  const schema = z
    .union([z.int(), z.string().max(32)], { error: (issue) => (issue.input == null ? undefined : text) })
    .meta({ 'x-kubernetes-int-or-string': true, pattern: PATTERN.source, maxLength: 32 })
  return ruled(schema, ...rulesOf(bounds)).superRefine((value, context) => {
    const message = quantityFault(value, bounds, text)
    if (message !== undefined) context.addIssue({ code: 'custom', message })
  })
}

function rulesOf({ min, max }: QuantityBounds): readonly Rule[] {
  const compared = (bound: Quantity) => `quantity(string(self)).compareTo(quantity('${bound}'))`
  const least = { rule: `${compared(min)} >= 0`, message: `must be at least ${min}` }
  const most = { rule: `${compared(max)} <= 0`, message: `must be at most ${max}` }
  // The pattern knows no negative ones.
  return parseQuantity(min) === 0n ? [most] : [least, most]
}

function quantityFault(value: Quantity, { min, max }: QuantityBounds, syntax: string): string | undefined {
  const bytes = parseQuantity(value)
  if (bytes === undefined) return syntax
  if (bytes < (parseQuantity(min) ?? 0n)) return `must be at least ${min}${unitHint(value)}`
  if (bytes > (parseQuantity(max) ?? 0n)) return `must be at most ${max}`
  return undefined
}

/** `memory: 512` is 512 bytes, and nobody means that. */
function unitHint(value: Quantity): string {
  return /^[0-9]+$/.test(String(value)) ? ' (a number without a unit counts bytes)' : ''
}

function factor(suffix: string): bigint {
  const binary = BINARY.indexOf(suffix)
  return binary >= 0 ? 1024n ** BigInt(binary) : 1000n ** BigInt(DECIMAL.indexOf(suffix))
}
