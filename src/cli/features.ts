import { hostFeatures } from '../host/features.ts'
import { probeKvm } from '../host/kvm.ts'
import type { HostFeatures, Kvm } from '../hypervisor/driver.ts'
import type { Stat } from '../world/files.ts'
import { publish } from '../world/publish.ts'
import type { World } from '../world/world.ts'

/** The unix uid of a VM, and a folder that it may enter. */
export interface Trial {
  readonly user: number
  readonly directory: string
}

const device = '/dev/kvm'

/** What this host can do, without a trial: KVM counts as usable when its device is there. Starts nothing but programs that tell their version. */
export async function seenFeatures(world: World, signal: AbortSignal): Promise<HostFeatures> {
  const features = await hostFeatures(withoutKvm(world), { directory: '/', user: 0 }, signal)
  const there = (await world.files.stat(device)) !== null
  const why = there ? `${device} is there` : `${device} is not there`
  return { ...features, kvm: { usable: there, why, group: null } }
}

/**
 * What this host can do, with a trial guest under KVM. What came of it is kept beside the sockets, so that a controller
 * that is restarted does not try again: the trial takes two seconds where KVM is there and does not work.
 */
export async function triedFeatures(world: World, trial: Trial, signal: AbortSignal): Promise<HostFeatures> {
  const features = await seenFeatures(world, signal)
  const stat = await world.files.stat(device)
  if (stat === null) return features
  const qemu = features.programs['qemu-system-x86_64'] ?? null
  const stamp = [world.process.bootId(), qemu?.path, qemu?.version, stampOf(stat), trial.user].join(' ')
  const path = `${trial.directory}/kvm-trial.json`
  const known = await recall(world, path, stamp)
  if (known !== null) return { ...features, kvm: known }
  const kvm = await probeKvm(world, qemu?.path ?? null, trial, signal)
  await publish(world.files, path, Buffer.from(JSON.stringify({ stamp, kvm })), { mode: 0o600 })
  return { ...features, kvm }
}

/** `hostFeatures` tries KVM wherever it sees the device. */
function withoutKvm(world: World): World {
  const stat = async (path: string) => (path === device ? null : world.files.stat(path))
  return { ...world, files: { ...world.files, stat } }
}

function stampOf({ identity, mode, uid, gid }: Stat): string {
  return `${identity}/${mode.toString(8)}/${uid}/${gid}`
}

async function recall({ files }: World, path: string, stamp: string): Promise<Kvm | null> {
  try {
    const kept = JSON.parse(Buffer.from(await files.read(path, 4096)).toString('utf8'))
    const { usable, why, group } = kept.kvm
    const good =
      typeof usable === 'boolean' &&
      typeof why === 'string' &&
      (group === null || (Number.isInteger(group) && group >= 0))
    return kept.stamp === stamp && good ? { usable, why, group } : null
  } catch {
    return null
  }
}
