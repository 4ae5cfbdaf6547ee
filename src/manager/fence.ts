import type { Draft } from './draft.ts'

/**
 * How much is known of what runs on a host. `fenced`: somebody said that nothing does, by deleting its MicroVMHost or with a
 * taint OutOfService, and no agent of it is heard that would know better. Silence alone never fences.
 */
export type Standing = 'live' | 'unheard' | 'silent' | 'fenced'

export function standingOf({ hosts, cluster }: Pick<Draft, 'hosts' | 'cluster'>, node: string): Standing {
  const pulse = cluster.pulses.get(node)
  if (pulse !== undefined && pulse.is !== 'silent') return pulse.is
  const host = hosts.get(node)
  const isOut = host === undefined || host.taints.some(({ effect }) => effect === 'OutOfService')
  return isOut ? 'fenced' : 'silent'
}
