import type { HostState, Observed, Volume } from '../host-state.ts'
import { add, type Draft } from './draft.ts'
import type { MachineDraft } from './machine.ts'
import { host } from './network.ts'
import type { Obstacles } from './obstacle.ts'

/**
 * Volumes: made before the machine that holds them starts, handed from one holder to the next only once the first is
 * gone, deleted only by their own intent. Answers the ids each start waits for, by uid of the machine.
 */
export function planVolumes(
  draft: Draft,
  desired: HostState,
  observed: Observed,
  machines: MachineDraft,
  obstacles: Obstacles,
): ReadonlyMap<string, readonly string[]> {
  const seen = new Map(observed.volumes.map((volume) => [volume.name, volume]))
  const needs = new Map<string, string[]>()
  const users = new Map(desired.machines.map((machine) => [machine.uid, machine.user]))

  for (const volume of desired.volumes) {
    if (obstacles.volumes.has(volume.name)) continue
    const there = seen.get(volume.name)
    const free = volume.holder ? (machines.goneAfter.get(volume.holder) ?? []) : []
    if (volume.intent === 'Delete') {
      if (there) deleteVolume(draft, volume, allGone(machines), 'its state was deleted and its policy is Delete')
      continue
    }
    if (!volume.holder || !machines.starts.has(volume.holder)) continue
    const chain: string[] = []
    let present = there !== undefined
    if (volume.ephemeral && there) {
      chain.push(deleteVolume(draft, volume, free, 'an ephemeral disk is new at each start'))
      present = false
    }
    if (!present) {
      const head = {
        id: `createVolume/${volume.name}`,
        owner: volume.owner,
        after: [...chain, ...free],
        because: 'missing',
      }
      chain.push(add(draft, head, { kind: 'createVolume', volume }))
    }
    const user = users.get(volume.holder)
    if (user !== undefined && (!present || there?.user !== user || there.ownerUid !== volume.ownerUid)) {
      const after = present ? [...chain, ...allGone(machines)] : chain
      const head = { id: `attachVolume/${volume.name}`, owner: volume.owner, after, because: 'its holder starts' }
      chain.push(add(draft, head, { kind: 'attachVolume', volume, user }))
    }
    needs.set(volume.holder, [...(needs.get(volume.holder) ?? []), ...chain])
  }
  sweepEphemeral(draft, desired, observed, machines)
  return needs
}

/** Ephemeral disks whose machine is not there and does not come back. */
function sweepEphemeral(draft: Draft, desired: HostState, observed: Observed, machines: MachineDraft): void {
  const alive = new Set(observed.machines.filter((machine) => machine.phase !== 'Gone').map((machine) => machine.uid))
  const wanted = new Set(desired.volumes.map((volume) => volume.name))
  for (const volume of observed.volumes) {
    if (!volume.ephemeral) continue
    const uid = volume.ownerUid
    if (wanted.has(volume.name) && (machines.starts.has(uid) || (alive.has(uid) && !machines.goneAfter.has(uid))))
      continue
    if (alive.has(uid) && !machines.goneAfter.has(uid)) continue
    // A start that is under way has just made it.
    if (observed.inFlight.some((one) => one.machine === uid && one.kind === 'startMachine')) continue
    add(
      draft,
      {
        id: `deleteVolume/${volume.name}`,
        owner: host,
        after: machines.goneAfter.get(uid) ?? [],
        because: 'its machine is gone',
      },
      { kind: 'deleteVolume', name: volume.name, ownerUid: volume.ownerUid },
    )
  }
}

function deleteVolume(draft: Draft, volume: Volume, after: readonly string[], because: string): string {
  return add(
    draft,
    { id: `deleteVolume/${volume.name}`, owner: volume.owner, after, because },
    { kind: 'deleteVolume', name: volume.name, ownerUid: volume.ownerUid },
  )
}

function allGone(machines: MachineDraft): readonly string[] {
  return [...machines.goneAfter.values()].flat()
}
