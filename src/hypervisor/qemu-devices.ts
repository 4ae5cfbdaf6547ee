import type { Boot, Disk, Nic } from '../host-state.ts'
import type { Rewiring } from './driver.ts'
import { doubleCommas } from './qemu-credentials.ts'

type MachineType = Boot['qemu']['machine']

/** Disks in the order the guest is to see them. The format is always said; QEMU guesses none. */
export function blockDevices({ disks, qemu }: Boot): string[] {
  return disks.flatMap((disk, index) => blockDevice(disk, index, qemu.machine))
}

/** QEMU locks the image (locking=on), so that no second VMM writes to it. `serial` is the disk's name in /dev/disk/by-id. */
function blockDevice({ name, path, readOnly }: Disk, index: number, machine: MachineType): string[] {
  const node = `disk${index}`
  const access = readOnly ? 'read-only=on' : 'read-only=off,discard=unmap'
  return [
    '-blockdev',
    `driver=file,node-name=${node}-file,filename=${doubleCommas(path)},locking=on,auto-read-only=off,${access}`,
    '-blockdev',
    `driver=raw,node-name=${node},file=${node}-file,${access}`,
    '-device',
    `${virtio('blk', machine, index)},id=${node}-device,drive=${node},serial=${name}`,
  ]
}

/** Interfaces in the order the guest is to see them, behind the disks on the bus. */
export function networkDevices({ disks, nics, qemu }: Boot): string[] {
  return nics.flatMap((nic, index) => networkDevice(nic, index, virtio('net', qemu.machine, disks.length + index)))
}

/**
 * The NIC is not wired to its TAP but to a hub with the TAP: a TAP that was deleted under the running VMM can then be
 * given back in milliseconds, and the guest never knows (see {@link rewirings}). The price is that a hub passes no
 * checksum or segmentation offload. The drain is a port to nowhere: without it, what the guest sends while it is alone on
 * the hub is queued, and nothing ever starts the queue again.
 */
function networkDevice(nic: Nic, index: number, device: string): string[] {
  const { name, mac, mtu } = nic
  const guestPort = `guest-${name}`
  const options = [device, `netdev=${guestPort}`, `id=nic-${name}`, `mac=${mac}`]
  if (device.startsWith('virtio-net-pci')) options.push('romfile=')
  if (mtu !== null) options.push(`host_mtu=${mtu}`)
  return [
    ...['-netdev', `hubport,id=${guestPort},hubid=${index}`],
    ...['-netdev', `hubport,id=drain-${name},hubid=${index}`],
    ...['-netdev', `tap,id=tap-${name},ifname=${nic.tap},script=no,downscript=no,vhost=off`],
    ...['-netdev', `hubport,id=port-${name},hubid=${index},netdev=tap-${name}`],
    ...['-device', options.join(',')],
  ]
}

/** Takes the hub's side of the old TAP away, which also ends QEMU's spinning on it, and plugs the new one in. */
export function rewirings({ nics }: Boot): Rewiring[] {
  return nics.map(({ name, tap }, hubid) => ({
    nic: name,
    tap,
    commands: [
      { execute: 'netdev_del', arguments: { id: `port-${name}` }, missing: true },
      { execute: 'netdev_del', arguments: { id: `tap-${name}` }, missing: true },
      {
        execute: 'netdev_add',
        arguments: { type: 'tap', id: `tap-${name}`, ifname: tap, script: 'no', downscript: 'no', vhost: false },
      },
      { execute: 'netdev_add', arguments: { type: 'hubport', id: `port-${name}`, hubid, netdev: `tap-${name}` } },
    ],
  }))
}

/** Entropy, and a balloon that gives free memory back to the host by itself. */
export function otherDevices({ disks, nics, qemu }: Boot): string[] {
  const next = disks.length + nics.length
  return [
    ...['-object', 'rng-random,id=entropy,filename=/dev/urandom'],
    ...['-device', `${virtio('rng', qemu.machine, next)},rng=entropy`],
    ...['-device', `${virtio('balloon', qemu.machine, next + 1)},deflate-on-oom=on,free-page-reporting=on`],
  ]
}

/** Transports of a microvm. */
const transports = 24

/**
 * The device model, and on microvm its place: a guest finds the last transport first, and QEMU would fill them from the
 * first, which turns the order of disks and interfaces round.
 */
function virtio(what: 'blk' | 'net' | 'rng' | 'balloon', machine: MachineType, place: number): string {
  return machine === 'q35'
    ? `virtio-${what}-pci`
    : `virtio-${what}-device,bus=virtio-mmio-bus.${transports - 1 - place}`
}
