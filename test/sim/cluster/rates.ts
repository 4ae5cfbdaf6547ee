import type { Dice } from '../random.ts'

/** What may become of one request. */
export const requestKinds = [
  'request lost',
  'answer lost',
  'conflict',
  'too many requests',
  'server error',
  'server error when done',
  'request hangs',
  'slow request',
  'slow answer',
  'page expired',
] as const

/** What may become of a watch, at its start or at an event. */
export const watchKinds = [
  'watch refused',
  'watch too old',
  'watch expires',
  'watch breaks',
  'watch ends',
  'watch hangs',
  'event doubled',
  'events late',
  'events lost',
] as const

export type WeatherKind = (typeof requestKinds)[number] | (typeof watchKinds)[number]

/** How often each strikes one client, of the requests or events that it could strike. */
export type Rates = ReadonlyMap<WeatherKind, number>

/** Those after which nothing is heard for a minute and more. */
const rare: ReadonlySet<WeatherKind> = new Set(['request hangs', 'watch hangs'])

/** Swarm: each client has some kinds of faults and not others, so that rare pairs meet. */
export function someRates(dice: Dice): Rates {
  const rates = new Map<WeatherKind, number>()
  const some = dice.pick([0, 0.15, 0.4])
  for (const kind of [...requestKinds, ...watchKinds]) {
    if (!dice.chance(some)) continue
    rates.set(kind, dice.pick(rare.has(kind) ? [0.002, 0.01, 0.03] : [0.02, 0.08, 0.3]))
  }
  return rates
}
