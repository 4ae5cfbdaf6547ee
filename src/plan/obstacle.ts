import type { Refusal } from '../action.ts'
import type { HostState, Link, ObjectRef, Observed, ObservedVolume, Volume } from '../host-state.ts'
import type { Ledger } from '../ledger.ts'
import { isOurs } from './link.ts'

/** What the host refuses us, found before anything is planned. */
export interface Obstacles {
  readonly refusals: readonly Refusal[]
  /** Names of links and volumes that cannot be had. */
  readonly links: ReadonlySet<string>
  readonly volumes: ReadonlySet<string>
  /** Machines (by uid) that must not start for one of these reasons; a running one is left alone. */
  readonly machines: ReadonlySet<string>
}

/** Names that are taken by something that is not ours, and volumes that must not be used as they are. */
export function obstaclesOf(desired: HostState, observed: Observed, ledger: Ledger): Obstacles {
  const refusals: Refusal[] = []
  const links = new Set<string>()
  const volumes = new Set<string>()
  const machines = new Set<string>()

  const present = new Map(observed.links.map((link) => [link.name, link]))
  for (const wanted of [...desired.bridges, ...desired.taps]) {
    const link = present.get(wanted.name)
    if (!link || isOurs(ledger, link)) continue
    links.add(wanted.name)
    refusals.push(taken(wanted.owner, link))
  }
  for (const tap of desired.taps) {
    if (links.has(tap.bridge)) links.add(tap.name)
    if (links.has(tap.name)) machines.add(tap.machine)
  }

  const kept = new Map(observed.volumes.map((volume) => [volume.name, volume]))
  for (const volume of desired.volumes) {
    const refusal = refuseVolume(volume, kept.get(volume.name))
    if (!refusal) continue
    refusals.push(refusal)
    // Its bytes are good as they are.
    if (refusal.reason === 'ResizePending' || refusal.reason === 'FileSystemKept') continue
    volumes.add(volume.name)
    if (volume.holder) machines.add(volume.holder)
  }
  return { refusals, links, volumes, machines }
}

function taken(owner: ObjectRef, link: Link): Refusal {
  return {
    owner,
    reason: 'NameTaken',
    message: `interface ${link.name} exists and is not ours; choose another name, or remove it with: ip link del dev ${link.name}`,
  }
}

/** Why a volume cannot be used as wanted; null when it can. */
function refuseVolume(volume: Volume, seen: ObservedVolume | undefined): Refusal | null {
  if (volume.intent === 'Delete' || volume.ephemeral) return null
  if (!seen) return volume.adopt ? missingSource(volume) : null
  const refuse = (reason: string, message: string): Refusal => ({ owner: volume.owner, reason, message })
  if (seen.fault !== null) return refuse('VolumeFault', `volume ${volume.name} cannot be used: ${seen.fault}`)
  if (seen.ownerUid !== volume.ownerUid && !volume.adopt) {
    return refuse(
      'VolumeReleased',
      `volume ${volume.name} holds the data of an earlier state; adopt it with source: { volume: ${volume.name} }, or delete the MicroVMVolume: a blank disk is never made in its place`,
    )
  }
  if (seen.size !== volume.size) {
    return refuse(
      'ResizePending',
      `volume ${volume.name} has ${seen.size} bytes and the spec says ${volume.size}; it is not resized by an edit`,
    )
  }
  const made = seen.madeWith
  // An adopted one was made before its state was written.
  if (!volume.adopt && made && (made.fsType !== volume.fsType || made.label !== volume.label)) {
    return refuse(
      'FileSystemKept',
      `volume ${volume.name} was made with ${sayFileSystem(made)} and the spec says ${sayFileSystem(volume)}; a file system is not made anew by an edit`,
    )
  }
  return null
}

function sayFileSystem({ fsType, label }: { readonly fsType: string; readonly label: string | null }): string {
  return `fsType ${fsType}, ${label === null ? 'no label' : `label ${label}`}`
}

function missingSource(volume: Volume): Refusal {
  return {
    owner: volume.owner,
    reason: 'VolumeMissing',
    message: `volume ${volume.name}, which the state names as its source, is not on this host`,
  }
}
