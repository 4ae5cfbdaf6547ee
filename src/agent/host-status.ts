import { type Condition, setCondition } from '../api/conditions.ts'
import type { MicroVMHostStatus } from '../api/host.ts'
import { formatQuantity } from '../api/quantity.ts'
import type { Pass } from '../controller/reconcile.ts'
import type { HostFeatures } from '../hypervisor/driver.ts'
import type { ApiObject } from '../kubernetes/resource.ts'
import type { OwnParts } from '../kubernetes/status-writer.ts'
import type { MachineRecord } from '../ledger.ts'
import { epochOf } from '../source/cluster-accept.ts'

/** What a host has, once and for all while it is up. */
export interface Capacity {
  readonly vcpu: number
  /** Bytes. */
  readonly memory: number
  /** Bytes of the file system that volumes are on. */
  readonly disk: number
}

export interface HostParts {
  readonly features: HostFeatures
  readonly capacity: Capacity
  readonly bootId: string
  readonly version: string
}

/** What of its own MicroVMHost an agent writes. */
export const hostParts: OwnParts = {
  members: [
    ...['observedGeneration', 'conditions', 'architecture', 'version', 'bootID', 'capacity', 'allocatable'],
    ...['hypervisors', 'features', 'images', 'machines'],
  ],
  conditions: ['Ready'],
}

/** Bytes of memory that are for the host itself: QEMU's own, the kernel's, ours. */
const reserve = (memory: number) => Math.min(Math.floor(memory / 10), 2 ** 30)

/** The status of the host's own object. Pure; lists in a fixed order, numbers that do not move by themselves. */
export function hostStatusOf(
  { features, capacity, bootId, version }: HostParts,
  { source, view }: Pick<Pass, 'source' | 'view'>,
  objects: ReadonlyMap<string, ApiObject>,
  own: ApiObject,
): MicroVMHostStatus {
  const now = new Date(view.now).toISOString()
  const before = ((own.status as { conditions?: readonly Condition[] } | undefined)?.conditions ?? []).filter(
    ({ type }) => type === 'Ready',
  )
  const qemu = features.programs['qemu-system-x86_64']
  const ready = qemu
    ? { status: 'True' as const, reason: 'CanRun', message: 'it can run VMs' }
    : { status: 'False' as const, reason: 'NoHypervisor', message: 'qemu-system-x86_64 is not installed' }
  const observedGeneration = own.metadata.generation ?? 1
  const amounts = (memory: number) => ({
    vcpu: capacity.vcpu,
    memory: formatQuantity(memory),
    disk: formatQuantity(capacity.disk),
  })
  return {
    observedGeneration,
    conditions: [...setCondition(before, { type: 'Ready', ...ready, observedGeneration }, now)],
    architecture: features.architecture,
    version,
    bootID: bootId,
    capacity: amounts(capacity.memory),
    allocatable: amounts(capacity.memory - reserve(capacity.memory)),
    hypervisors: qemu
      ? [{ name: 'qemu', version: qemu.version, accel: features.kvm.usable ? ['kvm', 'tcg'] : ['tcg'] }]
      : [],
    images: [...view.facts.images]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { kernel, initrd, root }]) => {
        const bad = [kernel, initrd, root].find((file) => file !== null && 'problem' in file)
        return bad && 'problem' in bad ? { name, usable: false, message: bad.problem } : { name, usable: true }
      }),
    machines: source.objects
      .filter(({ ref }) => ref.kind === 'MicroVM')
      .map(({ key, uid, ref }) => {
        const epoch = epochOf(objects.get(key)?.status)
        const addresses = Object.entries(usedBy(view.ledger.machines[uid]))
        return {
          ...{ uid, namespace: ref.namespace, name: ref.name },
          ...(epoch !== undefined && { bindingEpoch: epoch }),
          ...(addresses.length > 0 && { addresses: addresses.map(([name, address]) => ({ name, address })) }),
        }
      }),
  }
}

/** Those that its guest was started with, as long as it runs: one that waits for its turn still has them. */
function usedBy(record: MachineRecord | undefined): MachineRecord['addresses'] {
  const { started = null, addresses = {} } = record ?? {}
  const isOver = started === null || started.ended !== null || started.undone
  return isOver ? addresses : { ...addresses, ...started.carried.addresses }
}
