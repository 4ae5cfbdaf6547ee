import { getCondition } from '../api/conditions.ts'
import { bytesIn, countIn, memberOf, textIn, texts } from '../api/loose.ts'
import { mapsIn } from '../api/rule.ts'
import type { Host, Reported } from './cluster.ts'
import type { Readable } from './read.ts'
import { addressesIn } from './read-machine.ts'

/** A MicroVMHost: what it does not say, it does not offer. */
export function readHost({ meta, spec, status }: Readable): Host {
  const allocatable = memberOf(status, 'allocatable')
  const overcommit = memberOf(spec, 'overcommit')
  return {
    ...meta,
    taints: mapsIn(spec, 'taints').map((each) => ({
      key: textIn(each, 'key') ?? '',
      effect: textIn(each, 'effect') ?? '',
    })),
    offers: {
      vcpu: stretched(countIn(allocatable, 'vcpu'), countIn(overcommit, 'vcpuPercent')),
      memory: stretched(bytesIn(allocatable, 'memory'), countIn(overcommit, 'memoryPercent')),
      disk: bytesIn(allocatable, 'disk') ?? null,
    },
    architecture: textIn(status, 'architecture') ?? null,
    hypervisors: new Map(
      mapsIn(status, 'hypervisors').map((each) => [textIn(each, 'name') ?? '', texts(each, 'accel')]),
    ),
    images: new Map(
      mapsIn(status, 'images').map((each) => [
        textIn(each, 'name') ?? '',
        { usable: each.usable === true, message: textIn(each, 'message') ?? 'it does not say why' },
      ]),
    ),
    machines: machinesOf(status, meta.conditions),
  }
}

/**
 * What its agent reported; null: nothing yet. A list that got empty is absent after server-side apply, so it is the agent's
 * word on Ready, which comes with it, that tells nothing at all from not yet.
 */
function machinesOf(status: unknown, conditions: Host['conditions']): Host['machines'] {
  const ready = getCondition(conditions, 'Ready')
  const isTold = ready !== undefined && ready.reason !== 'HostSilent'
  if (!isTold && !Array.isArray(memberOf(status, 'machines'))) return null
  return new Map(mapsIn(status, 'machines').flatMap(reported))
}

function reported(machine: Record<string, unknown>): [string, Reported][] {
  const uid = textIn(machine, 'uid')
  if (uid === undefined) return []
  const addresses = addressesIn(mapsIn(machine, 'addresses').map((each) => [each.name, each.address]))
  return [[uid, { epoch: countIn(machine, 'bindingEpoch') ?? 0, addresses }]]
}

function stretched(amount: number | undefined, percent = 100): number | null {
  return amount === undefined ? null : Math.floor((amount * Math.max(percent, 100)) / 100)
}
