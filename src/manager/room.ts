import { isTrue } from '../api/conditions.ts'
import type { Amounts, Host, Machine } from './cluster.ts'
import type { Draft } from './draft.ts'
import { standingOf } from './fence.ts'
import { sayAmount, sayRef } from './say.ts'
import { usedOn } from './use.ts'

/** Why a host does not fit a machine, in one sentence; null when it does. `at`: where its states are, if anywhere. */
export function refusedByHost(
  draft: Draft,
  machine: Machine,
  host: Host,
  { need, at }: { readonly need: Amounts; readonly at: { readonly node: string; readonly state: string } | null },
): string | null {
  const { name } = host.ref
  if (machine.pin !== null && machine.pin !== name) return `spec.placement.nodeName is ${machine.pin}`
  if (at !== null && at.node !== name) return `its state ${at.state} is on ${at.node}`
  const label = Object.entries(machine.nodeSelector).find(([key, value]) => host.labels[key] !== value)
  if (label !== undefined) return `it has no label ${label[0]}=${label[1]}`
  return (
    notReady(draft, host) ?? unable(draft, machine, host) ?? full(draft, host, need) ?? claimed(draft, machine, name)
  )
}

function notReady(draft: Draft, host: Host): string | null {
  if (host.deleting) return 'it is being deleted'
  const taint = host.taints[0]
  if (taint !== undefined) return `it has the taint ${taint.key}`
  const standing = standingOf(draft, host.ref.name)
  if (standing !== 'live') return standing === 'unheard' ? 'it was not heard yet' : 'it is silent'
  return isTrue(host.conditions, 'Ready') ? null : 'it is not Ready'
}

function unable(draft: Draft, machine: Machine, host: Host): string | null {
  const accels = host.hypervisors.get(machine.hypervisor)
  if (accels === undefined) return `it has no ${machine.hypervisor}`
  if (machine.accel !== 'auto' && !accels.includes(machine.accel)) {
    return `its ${machine.hypervisor} cannot run guests with ${machine.accel}`
  }
  const architecture = draft.images.get(machine.image)?.architecture
  if (host.architecture !== architecture) {
    return `its architecture is ${host.architecture ?? 'unknown'}, and that of image ${machine.image} is ${architecture}`
  }
  const image = host.images.get(machine.image)
  if (image === undefined) return `it does not say whether it has image ${machine.image}`
  return image.usable ? null : `image ${machine.image} is not usable there: ${image.message}`
}

function full(draft: Draft, { ref, offers }: Host, need: Amounts): string | null {
  const used = usedOn(draft, ref.name)
  for (const what of ['vcpu', 'memory', 'disk'] as const) {
    if (need[what] === 0) continue
    const offered = offers[what]
    if (offered === null) return `it does not say how much ${what} it has`
    if (used[what] + need[what] <= offered) continue
    return `it needs ${sayAmount(what, need[what])}, and ${sayAmount(what, offered - used[what])} is free`
  }
  return null
}

/**
 * Milliseconds that hosts have to look for a new image. Without it, the first one to say that it has it would be given all VMs
 * that are applied together with it.
 */
const patience = 10_000

/**
 * When a host that would fit, had it said that it has the image, is waited for no longer; null when it is not waited for. The
 * image's age is by the server's clock: where ours is far from it, nobody is waited for.
 */
export function waitsForImage(
  draft: Draft,
  machine: Machine,
  host: Host,
  wants: Parameters<typeof refusedByHost>[3],
): number | null {
  const made = draft.images.get(machine.image)?.createdAt
  if (made === undefined || Math.abs(draft.now - made) >= patience || host.images.has(machine.image)) return null
  const images = new Map([[machine.image, { usable: true, message: '' }]])
  return refusedByHost(draft, machine, { ...host, images }, wants) === null ? made + patience : null
}

/** Names and numbers that are unique on a host, of which another VM there has one. */
function claimed({ plans }: Draft, machine: Machine, node: string): string | null {
  if (machine.claims.length === 0) return null
  for (const other of plans) {
    if (other.bound?.node !== node || other.machine.key === machine.key) continue
    const claim = machine.claims.find((each) => other.machine.claims.includes(each))
    if (claim !== undefined) return `${claim} is taken there by ${sayRef(other.machine.ref)}`
  }
  return null
}

/** How full a host would be, from 0; what counts is whatever it has least of. */
export function loadWith(draft: Draft, { ref, offers }: Host, need: Amounts): number {
  const used = usedOn(draft, ref.name)
  return Math.max(
    ...(['vcpu', 'memory'] as const).map((what) => (used[what] + need[what]) / Math.max(offers[what] ?? 0, 1)),
  )
}
