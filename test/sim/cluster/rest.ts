import { describe as describeHost, isAtRest as isHostAtRest } from '../rest.ts'
import type { SimCluster } from './cluster.ts'

/** Milliseconds without a change at the server: more than a Lease lasts, and than a manager waits between two looks. */
const still = 60_000

/** Every host is at rest, no watch hangs, a manager leads, and nothing but Leases changed for a while. */
export function isAtRest({ hosts, managers, mirror, time, weather }: SimCluster): boolean {
  if (weather.hangs || time - weather.hungAt < still) return false
  if (time - mirror.movedAt < still || !managers.some(({ leads }) => leads)) return false
  return hosts.every((host) => host.life === null || isHostAtRest(host))
}

/** Why it is not, for people. */
export function describe({ hosts, managers, mirror, time, weather }: SimCluster): string {
  const restless = hosts.filter((host) => host.life !== null && !isHostAtRest(host))
  return [
    `${managers.filter(({ leads }) => leads).length} managers lead`,
    ...(weather.hangs ? ['a watch hangs'] : []),
    `the last write was ${time - mirror.movedAt} ms ago`,
    ...restless.map((host) => `${host.name}: ${describeHost(host)}`),
  ].join('; ')
}
