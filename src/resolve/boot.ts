import type { MicroVMImage } from '../api/image.ts'
import type { MicroVM } from '../api/microvm.ts'
import { bytesOf } from '../api/quantity.ts'
import { netmask } from '../cidr.ts'
import { digest } from '../digest.ts'
import type { Boot, DigestGroup, Disk } from '../host-state.ts'
import type { CredentialFacts, ImageFacts, Wanted } from './input.ts'
import type { Interface } from './interface.ts'

/** Everything a boot is made of, each part resolved. */
export interface Parts {
  readonly vm: Wanted<MicroVM>
  readonly image: Wanted<MicroVMImage>
  readonly files: ImageFacts
  readonly interfaces: readonly Interface[]
  readonly disks: readonly Disk[]
  readonly credentials: CredentialFacts
  readonly restartRequest: string | null
}

/** What to boot. Only for an image whose kernel is there. */
export function bootOf(parts: Parts): Boot {
  const { vm, image, files, interfaces, disks, credentials } = parts
  const { spec } = vm.object
  return {
    hypervisor: spec.hypervisor ?? 'qemu',
    qemu: { machine: spec.qemu?.machine ?? 'q35', accel: spec.qemu?.accel ?? 'auto' },
    name: `${vm.ref.namespace}.${vm.ref.name}`,
    uuid: vm.uid,
    vcpu: spec.vcpu,
    memory: bytesOf(spec.memory),
    architecture: image.object.spec.architecture,
    kernel: pathOf(files.kernel) ?? '',
    initrd: files.initrd ? pathOf(files.initrd) : null,
    cmdline: cmdlineOf(parts),
    disks,
    nics: interfaces.map(({ name, tap, mac, network }) => ({ name, tap, mac, mtu: network.spec.mtu ?? null })),
    credentials: credentials.items,
    oemStrings: spec.oemStrings ?? [],
  }
}

/**
 * The image's command line, the host name (kernel-command-line(7), systemd.hostname=) and an address for each interface
 * in the form that systemd-network-generator(8) reads: `ip=ADDRESS::GATEWAY:NETMASK:HOSTNAME:INTERFACE:off`.
 */
function cmdlineOf({ vm, image, interfaces }: Parts): string {
  const hostname = vm.object.spec.guest?.hostname ?? vm.ref.name
  const words = [image.object.spec.cmdline ?? '', `systemd.hostname=${hostname}`]
  for (const [index, { address, network }] of interfaces.entries()) {
    // Only the first interface gets a default route; a second one would fight it.
    const gateway = index === 0 ? network.gateway : ''
    words.push(`ip=${address}::${gateway}:${netmask(network.subnet.prefix)}:${hostname}:eth${index}:off`)
  }
  return words.filter((word) => word !== '').join(' ')
}

/**
 * Digests of what a VM is started with, by group. They are made from the spec's meaning, never from an argv, so that
 * another flag of ours restarts nobody. What may change without a restart (bridge, MTU of the bridge, isolation, run
 * strategy, readiness, grace) is in none of them. A change of meaning here needs a new `digestSchema`.
 */
export function digestsOf(parts: Parts): Readonly<Record<DigestGroup, string>> {
  const { vm, image, files, interfaces, disks, credentials, restartRequest } = parts
  const { spec } = vm.object
  const boot = bootOf(parts)
  return {
    compute: digest([boot.hypervisor, boot.qemu, boot.vcpu, boot.memory, boot.architecture]),
    image: digest([[files.kernel, files.initrd, files.root].map(contentOf), image.object.spec.cmdline ?? '']),
    guest: digest([credentials.items.map((item) => item.name), boot.oemStrings, spec.guest?.hostname ?? vm.ref.name]),
    disks: digest(
      disks.map(({ name, volume, readOnly }) => [name, volume, readOnly, ...ephemeralSize(vm.object, name)]),
    ),
    network: digest(
      interfaces.map(({ name, tap, mac, address, network }) => [
        name,
        tap,
        mac,
        address,
        network.gateway,
        network.subnet.prefix,
        network.spec.mtu ?? null,
      ]),
    ),
    restart: digest([spec.restartToken ?? '', restartRequest]),
  }
}

/** What a blank disk is made with; that of a state is the state's. */
function ephemeralSize({ spec }: MicroVM, disk: string): readonly number[] {
  const size = spec.disks?.find(({ name }) => name === disk)?.ephemeral?.size
  return size === undefined ? [] : [bytesOf(size)]
}

/** A file is its content: the same bytes under another name restart nobody. */
function contentOf(file: ImageFacts['root']): string | null {
  return file && 'sha256' in file ? file.sha256 : null
}

function pathOf(file: ImageFacts['kernel']): string | null {
  return 'path' in file ? file.path : null
}
