import type { Random } from '../world/clock.ts'
import { ApiError } from './error.ts'

const shortest = 500
const longest = 30_000

/**
 * Milliseconds before something that failed so many times in a row (from 1) is tried again, for ever: they double, and are
 * spread by half so that a thousand agents do not return at once. A server that asks for more gets more.
 */
export function pauseAfter(failures: number, error: unknown, random: Random): number {
  const asked = error instanceof ApiError ? (error.retryAfter ?? 0) : 0
  const base = Math.min(shortest * 2 ** Math.min(failures - 1, 10), longest)
  return Math.max(asked, base / 2) + fraction(random) * (base / 2)
}

/** From 0 to 1. */
export function fraction(random: Random): number {
  const [a = 0, b = 0] = random.bytes(2)
  return (a * 256 + b) / 65_536
}
