import type { Boot } from '../host-state.ts'
import type { Driver, HostFeatures } from './driver.ts'
import { qemuCommand } from './qemu-command.ts'
import { refuseCredentials } from './qemu-credentials.ts'

/**
 * QEMU (7.2 or newer) on x86: machine `q35` with PCI and firmware tables, machine `microvm` with virtio-mmio and no SMBIOS.
 */
export const qemu: Driver = {
  name: 'qemu',
  program: () => program,
  refuse: (boot, features) => [
    ...refuseHost(boot, features),
    ...refuseSize(boot),
    ...refuseDevices(boot),
    ...refuseCredentials(boot),
  ],
  accel,
  command: qemuCommand,
  powerOff: (_boot, graceSeconds) => ({ method: 'qmp-powerdown', graceSeconds }),
}

const program = 'qemu-system-x86_64'

/** What QEMU's machines of this name take (-smp beyond it ends with 'Invalid SMP CPUs'). */
const mostVcpus = 255

/**
 * Disks and interfaces together. q35: 30 free slots on the root bus; microvm: 24 virtio-mmio transports; one each goes to
 * the entropy source and to the balloon.
 */
const mostDevices = { q35: 28, microvm: 22 } as const

/** `auto` takes KVM where a guest really runs under it. */
function accel(boot: Boot, features: HostFeatures): 'kvm' | 'tcg' {
  if (boot.qemu.accel !== 'auto') return boot.qemu.accel
  return features.kvm.usable && boot.architecture === features.architecture ? 'kvm' : 'tcg'
}

function refuseHost(boot: Boot, features: HostFeatures): string[] {
  const refusals: string[] = []
  if (boot.architecture !== 'amd64') {
    refusals.push(
      `the image is for ${boot.architecture} and hypervisor qemu boots amd64 here; use an image whose architecture is amd64`,
    )
  }
  if (!features.programs[program]) {
    refusals.push(`${program} is not installed; install it, on Debian with: apt install qemu-system-x86`)
  }
  if (boot.qemu.accel === 'kvm' && !features.kvm.usable) {
    refusals.push(`qemu.accel is kvm, and KVM does not work here: ${features.kvm.why}; use auto or tcg`)
  }
  if (boot.qemu.accel === 'kvm' && boot.architecture !== features.architecture) {
    refusals.push(`qemu.accel is kvm, and KVM runs only ${features.architecture} images here; use auto or tcg`)
  }
  return refusals
}

function refuseSize({ vcpu }: Boot): string[] {
  return vcpu > mostVcpus ? [`vcpu is ${vcpu}, and QEMU takes at most ${mostVcpus}; lower it`] : []
}

function refuseDevices({ qemu: { machine }, disks, nics }: Boot): string[] {
  const count = disks.length + nics.length
  const most = mostDevices[machine]
  if (count <= most) return []
  return [`${count} disks and interfaces are more than the ${most} that qemu machine ${machine} takes; remove some`]
}
