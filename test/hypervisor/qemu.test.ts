import { describe, expect, test } from 'vitest'
import type { Boot } from '../../src/host-state.ts'
import { drivers } from '../../src/hypervisor/index.ts'
import { qemu } from '../../src/hypervisor/qemu.ts'
import { features, linesOf, nic, noKvm, place, plain, root, state } from './boots.ts'
import { contract } from './contract.ts'

describe('contract: qemu', () => contract(qemu))

test('every driver is one that this suite knows', () => {
  expect(drivers.map(({ name }) => name)).toEqual(['qemu'])
})

const argvOf = (boot: Boot, accel: 'kvm' | 'tcg' = 'tcg') => linesOf(qemu.command(boot, { ...place, accel }).argv)

/** Lines that are not there for {@link plain}. */
const beyondPlain = (boot: Boot) => argvOf(boot).filter((line) => !argvOf(plain).includes(line))

const folder = place.directory

test('q35 without disk, interface or credential', () => {
  expect(argvOf(plain)).toEqual([
    '/usr/bin/qemu-system-x86_64',
    '-name guest=default.slot1,process=default.slot1,debug-threads=on',
    '-uuid 6d1c6f0e-58b7-4c33-9a3e-0c1f5b1d2e3f',
    '-nodefaults',
    '-no-user-config',
    '-display none',
    '-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny',
    '-machine q35,vmport=off,sata=off,smbus=off,dump-guest-core=off',
    '-accel tcg,tb-size=64',
    '-cpu max',
    '-smp cpus=2',
    '-m size=1048576K',
    '-S',
    '-kernel /images/vmlinuz',
    '-append console=ttyS0',
    '-action shutdown=pause,reboot=reset,panic=pause',
    '-device pvpanic',
    '-chardev socket,id=qmp,fd=3,server=on,wait=off',
    '-mon chardev=qmp,mode=control',
    `-chardev pipe,id=journal,path=${folder}/events,logfile=${folder}/events.log,logappend=on`,
    '-mon chardev=journal,mode=control',
    `-chardev socket,id=console,fd=4,server=on,wait=off,logfile=${folder}/console.log,logappend=on`,
    '-serial chardev:console',
    '-object rng-random,id=entropy,filename=/dev/urandom',
    '-device virtio-rng-pci,rng=entropy',
    '-device virtio-balloon-pci,deflate-on-oom=on,free-page-reporting=on',
  ])
})

test('the journal gets its one command from a file and writes to a log', () => {
  expect(qemu.command(plain, place).plainFiles).toEqual([
    { file: 'events.in', text: '{"execute":"qmp_capabilities"}\n' },
    { file: 'events.out', target: '/dev/null' },
  ])
})

test('q35 under KVM, with a uid that is no UUID', () => {
  const lines = argvOf({ ...plain, uuid: 'vm-17' }, 'kvm')
  expect(lines).toContain('-accel kvm')
  expect(lines).toContain('-cpu host')
  expect(lines.some((line) => line.startsWith('-uuid'))).toBe(false)
})

test('microvm: virtio-mmio from the last transport on, and what its guest has to be told under TCG', () => {
  const boot: Boot = { ...plain, qemu: { machine: 'microvm', accel: 'auto' }, disks: [root, state], nics: [nic] }
  expect(argvOf(boot).filter((line) => !argvOf({ ...plain, disks: [root, state] }).includes(line))).toEqual([
    '-machine microvm,dump-guest-core=off',
    '-append console=ttyS0 reboot=t tsc_early_khz=2600000',
    '-device virtio-blk-device,bus=virtio-mmio-bus.23,id=disk0-device,drive=disk0,serial=root',
    '-device virtio-blk-device,bus=virtio-mmio-bus.22,id=disk1-device,drive=disk1,serial=state',
    '-netdev hubport,id=guest-eth0,hubid=0',
    '-netdev hubport,id=drain-eth0,hubid=0',
    '-netdev tap,id=tap-eth0,ifname=vm-slot1,script=no,downscript=no,vhost=off',
    '-netdev hubport,id=port-eth0,hubid=0,netdev=tap-eth0',
    '-device virtio-net-device,bus=virtio-mmio-bus.21,netdev=guest-eth0,id=nic-eth0,mac=02:00:00:00:00:01',
    '-device virtio-rng-device,bus=virtio-mmio-bus.20,rng=entropy',
    '-device virtio-balloon-device,bus=virtio-mmio-bus.19,deflate-on-oom=on,free-page-reporting=on',
  ])
  expect(argvOf(boot, 'kvm')).toContain('-append console=ttyS0 reboot=t')
  expect(argvOf({ ...boot, cmdline: 'reboot=k tsc_early_khz=1' })).toContain('-append reboot=k tsc_early_khz=1')
})

test('disks: locked, raw, discarding, the image read-only, in order', () => {
  const odd = { ...state, name: 'odd', path: '/srv/a,b/data.img' }
  expect(beyondPlain({ ...plain, initrd: '/images/initrd', disks: [root, odd] })).toEqual([
    '-initrd /images/initrd',
    '-blockdev driver=file,node-name=disk0-file,filename=/images/root.erofs,locking=on,auto-read-only=off,read-only=on',
    '-blockdev driver=raw,node-name=disk0,file=disk0-file,read-only=on',
    '-device virtio-blk-pci,id=disk0-device,drive=disk0,serial=root',
    '-blockdev driver=file,node-name=disk1-file,filename=/srv/a,,b/data.img,locking=on,auto-read-only=off,read-only=off,discard=unmap',
    '-blockdev driver=raw,node-name=disk1,file=disk1-file,read-only=off,discard=unmap',
    '-device virtio-blk-pci,id=disk1-device,drive=disk1,serial=odd',
  ])
})

test('two interfaces, each on a hub with its TAP', () => {
  const nics = [nic, { name: 'eth1', tap: 'vm-second', mac: '02:00:00:00:00:02', mtu: 1400 }]
  expect(beyondPlain({ ...plain, nics })).toEqual([
    '-netdev hubport,id=guest-eth0,hubid=0',
    '-netdev hubport,id=drain-eth0,hubid=0',
    '-netdev tap,id=tap-eth0,ifname=vm-slot1,script=no,downscript=no,vhost=off',
    '-netdev hubport,id=port-eth0,hubid=0,netdev=tap-eth0',
    '-device virtio-net-pci,netdev=guest-eth0,id=nic-eth0,mac=02:00:00:00:00:01,romfile=',
    '-netdev hubport,id=guest-eth1,hubid=1',
    '-netdev hubport,id=drain-eth1,hubid=1',
    '-netdev tap,id=tap-eth1,ifname=vm-second,script=no,downscript=no,vhost=off',
    '-netdev hubport,id=port-eth1,hubid=1,netdev=tap-eth1',
    '-device virtio-net-pci,netdev=guest-eth1,id=nic-eth1,mac=02:00:00:00:00:02,romfile=,host_mtu=1400',
  ])
  expect(qemu.command({ ...plain, nics }, place).rewirings[1]).toEqual({
    nic: 'eth1',
    tap: 'vm-second',
    commands: [
      { execute: 'netdev_del', arguments: { id: 'port-eth1' }, missing: true },
      { execute: 'netdev_del', arguments: { id: 'tap-eth1' }, missing: true },
      {
        execute: 'netdev_add',
        arguments: { type: 'tap', id: 'tap-eth1', ifname: 'vm-second', script: 'no', downscript: 'no', vhost: false },
      },
      { execute: 'netdev_add', arguments: { type: 'hubport', id: 'port-eth1', hubid: 1, netdev: 'tap-eth1' } },
    ],
  })
})

describe('credentials', () => {
  const small = [
    { name: 'api-key', length: 40 },
    { name: 'db-password', length: 32 },
  ]
  const large = [small[0]!, { name: 'certificate', length: 3000 }]
  const filesOf = (boot: Boot) =>
    qemu
      .command(boot, place)
      .credentialFiles.map(({ file, prefix, encoding }) => `${file} ${encoding} ${prefix}`.trim())

  test('small ones and OEM strings go by SMBIOS', () => {
    const boot = { ...plain, credentials: small, oemStrings: ['moorage:one', 'moorage:two'] }
    expect(beyondPlain(boot)).toEqual([
      `-smbios type=11,path=${folder}/oem-0`,
      `-smbios type=11,path=${folder}/oem-1`,
      `-smbios type=11,path=${folder}/credential-0`,
      `-smbios type=11,path=${folder}/credential-1`,
    ])
    expect(filesOf(boot)).toEqual([
      'oem-0 raw',
      'oem-1 raw',
      'credential-0 base64 io.systemd.credential.binary:api-key=',
      'credential-1 base64 io.systemd.credential.binary:db-password=',
    ])
  })

  test('more than old guests read of SMBIOS goes by fw_cfg, all of it', () => {
    const boot = { ...plain, credentials: large, oemStrings: ['moorage:one'] }
    expect(beyondPlain(boot)).toEqual([
      `-smbios type=11,path=${folder}/oem-0`,
      '-global fw_cfg_io.x-file-slots=128',
      `-fw_cfg name=opt/io.systemd.credentials/api-key,file=${folder}/credential-0`,
      `-fw_cfg name=opt/io.systemd.credentials/certificate,file=${folder}/credential-1`,
    ])
    expect(filesOf(boot)).toEqual(['oem-0 raw', 'credential-0 raw', 'credential-1 raw'])
  })

  test('microvm has no SMBIOS', () => {
    const boot: Boot = { ...plain, qemu: { machine: 'microvm', accel: 'auto' }, credentials: small }
    expect(qemu.refuse(boot, features)).toEqual([])
    expect(filesOf(boot)).toEqual(['credential-0 raw', 'credential-1 raw'])
  })

  test.each([
    // 37 characters before the value, and four for every three bytes: 37 + 4 x 990 = 3997.
    ['the last that fits', 2970, 'credential-0 base64 io.systemd.credential.binary:api-key='],
    ['one byte more', 2971, 'credential-0 raw'],
  ])('the border of 4000 bytes: %s', (_what, length, file) => {
    const prefix = 'io.systemd.credential.binary:api-key='.length
    expect(prefix + Math.ceil(length / 3) * 4 > 4000).toBe(file.includes('raw'))
    expect(filesOf({ ...plain, credentials: [{ name: 'api-key', length }] })).toEqual([file])
  })
})

describe('refusals', () => {
  const microvm = { machine: 'microvm', accel: 'auto' } as const
  const kvm = { machine: 'q35', accel: 'kvm' } as const
  const many = (count: number) => Array.from({ length: count }, (_, index) => ({ ...root, name: `disk${index}` }))
  const long = 'a-name-of-twenty-nine-letters'

  test.each<[string, Boot, RegExp]>([
    ['an image for another machine', { ...plain, architecture: 'arm64' }, /is for arm64 .*use an image/],
    ['more processors than there are', { ...plain, vcpu: 256 }, /vcpu is 256, .* at most 255/],
    [
      'more devices than a q35 takes',
      { ...plain, disks: many(29) },
      /29 disks and interfaces .* the 28 that qemu machine q35/,
    ],
    [
      'more devices than a microvm takes',
      { ...plain, qemu: microvm, disks: many(23) },
      /the 22 that qemu machine microvm/,
    ],
    ['OEM strings on a microvm', { ...plain, qemu: microvm, oemStrings: ['x'] }, /microvm has no SMBIOS/],
    ['an empty OEM string', { ...plain, oemStrings: ['x', ''] }, /oemStrings\[1\] is empty/],
    ['OEM strings of more than SMBIOS holds', { ...plain, oemStrings: ['ü'.repeat(30_001)] }, /have 60002 bytes/],
    [
      'a long name where only fw_cfg is left',
      { ...plain, credentials: [{ name: long, length: 4000 }] },
      /name of 29 characters, and credentials of more than 4000 bytes in all \(these have 5395 as SMBIOS strings\) take names of at most 28/,
    ],
    [
      'a long name on a microvm',
      { ...plain, qemu: microvm, credentials: [{ name: long, length: 1 }] },
      /name of 29 characters, and qemu machine microvm take/,
    ],
    [
      'more than systemd takes',
      {
        ...plain,
        credentials: [
          { name: 'a', length: 600_000 },
          { name: 'b', length: 600_000 },
        ],
      },
      /have 1200000 bytes, and systemd takes 1048576/,
    ],
  ])('%s', (_what, boot, sentence) => {
    const refusals = qemu.refuse(boot, features)
    expect(refusals).toHaveLength(1)
    expect(refusals[0]).toMatch(sentence)
  })

  test('KVM that was asked for and does not work here', () => {
    expect(qemu.refuse({ ...plain, qemu: kvm }, features)).toEqual([])
    expect(qemu.refuse({ ...plain, qemu: kvm }, noKvm)).toEqual([
      'qemu.accel is kvm, and KVM does not work here: /dev/kvm is not there; use auto or tcg',
    ])
  })

  test('a long name by SMBIOS is none of them', () => {
    expect(qemu.refuse({ ...plain, credentials: [{ name: long, length: 1 }] }, features)).toEqual([])
  })

  test('the most that fits is none of them', () => {
    expect(qemu.refuse({ ...plain, disks: many(28) }, features)).toEqual([])
    expect(qemu.refuse({ ...plain, qemu: microvm, disks: many(22) }, features)).toEqual([])
  })
})
