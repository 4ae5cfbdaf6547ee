import { Failure } from './failure.ts'

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** The longest that anybody may ask to wait for, milliseconds. */
const longest = 7 * 86_400_000

/** Milliseconds of `60s`, `1h30m`, `500ms`; a bare number counts seconds. Throws a {@link Failure}. */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)]
  const whole = parts.map(([part]) => part).join('')
  const sum = /^\d+(\.\d+)?$/.test(text)
    ? Number(text) * 1000
    : parts.reduce((total, [, count, unit]) => total + Number(count) * (units[unit ?? ''] ?? 0), 0)
  if ((whole !== text && whole !== '') || sum > longest || (whole === '' && !/^\d+(\.\d+)?$/.test(text))) {
    throw new Failure(`${text} is no time to wait; write for example 60s or 5m, at most 7d`)
  }
  return sum
}

/** A span as people read it, at most two units: `5s`, `3m20s`, `4h`, `12d`. Milliseconds in; never negative. */
export function shortDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 10) return two(minutes, 'm', seconds % 60, 's')
  if (minutes < 180) return `${minutes}m`
  const hours = Math.floor(minutes / 60)
  if (hours < 8) return two(hours, 'h', minutes % 60, 'm')
  if (hours < 48) return `${hours}h`
  const days = Math.floor(hours / 24)
  return days < 8 ? two(days, 'd', hours % 24, 'h') : `${days}d`
}

function two(large: number, unit: string, small: number, smaller: string): string {
  return small === 0 ? `${large}${unit}` : `${large}${unit}${small}${smaller}`
}
