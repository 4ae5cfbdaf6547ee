import type { Boot } from '../../src/host-state.ts'
import type { HostFeatures, Place } from '../../src/hypervisor/driver.ts'

/** The slot of the examples, as small as a boot can be. */
export const plain: Boot = {
  hypervisor: 'qemu',
  qemu: { machine: 'q35', accel: 'auto' },
  name: 'default.slot1',
  uuid: '6d1c6f0e-58b7-4c33-9a3e-0c1f5b1d2e3f',
  vcpu: 2,
  memory: 1 << 30,
  architecture: 'amd64',
  kernel: '/images/vmlinuz',
  initrd: null,
  cmdline: 'console=ttyS0',
  disks: [],
  nics: [],
  credentials: [],
  oemStrings: [],
}

export const features: HostFeatures = {
  architecture: 'amd64',
  programs: { 'qemu-system-x86_64': { path: '/usr/bin/qemu-system-x86_64', version: '7.2.22' } },
  kvm: { usable: true, why: 'a guest ran under it', group: null },
  tscKhz: 2_600_000,
}

export const noKvm: HostFeatures = { ...features, kvm: { usable: false, why: '/dev/kvm is not there', group: null } }

export const place: Place = {
  program: { path: '/usr/bin/qemu-system-x86_64', version: '7.2.22' },
  directory: '/run/moorage/vms/6d1c6f0e58',
  fds: { qmp: 3, console: 4, life: 5 },
  accel: 'tcg',
  tscKhz: 2_600_000,
}

export const nic = { name: 'eth0', tap: 'vm-slot1', mac: '02:00:00:00:00:01', mtu: null }

export const root = { name: 'root', path: '/images/root.erofs', readOnly: true, volume: null }

export const state = {
  name: 'state',
  path: '/volumes/slot1-0a1b2c3d/data.img',
  readOnly: false,
  volume: 'slot1-0a1b2c3d',
}

/** Pairs of an option and its value, one a line: `-smp cpus=2`. Options without a value stand alone. */
export function linesOf(argv: readonly string[]): string[] {
  const lines: string[] = []
  for (const [index, word] of argv.entries()) {
    if (index === 0 || word.startsWith('-')) lines.push(word)
    else lines[lines.length - 1] += ` ${word}`
  }
  return lines
}
