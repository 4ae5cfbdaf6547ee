import * as fc from 'fast-check'
import { aliasOf } from '../../src/alias.ts'
import type { HostState, Machine, ObjectRef, RuleSets, RunStrategy, Volume } from '../../src/host-state.ts'
import { idOf } from '../../src/plan/machine.ts'
import { emptyRuleSets } from '../../src/plan/rules.ts'
import { type MemoryHost, newLink, root } from '../memory-host.ts'

/** A few VMs on a few networks, small enough to shrink well. */
export interface Wish {
  readonly networks: readonly boolean[]
  readonly vms: readonly VmWish[]
}

export interface VmWish {
  readonly present: boolean
  readonly network: number
  readonly strategy: RunStrategy
  readonly power: 'on' | 'off'
  readonly disk: 'none' | 'state' | 'ephemeral'
  readonly revision: number
  readonly secret: number | null
  readonly secretRevision: number
  readonly blocked: boolean
}

const strategies: RunStrategy[] = ['Always', 'RerunOnFailure', 'Once', 'Manual', 'Halted']

export const wishes: fc.Arbitrary<Wish> = fc.record({
  networks: fc.array(fc.boolean(), { minLength: 2, maxLength: 2 }),
  vms: fc.array(
    fc.record({
      present: fc.boolean(),
      network: fc.nat({ max: 1 }),
      strategy: fc.constantFrom(...strategies),
      power: fc.constantFrom('on' as const, 'off' as const),
      disk: fc.constantFrom('none' as const, 'state' as const, 'ephemeral' as const),
      revision: fc.nat({ max: 1 }),
      secret: fc.option(fc.nat({ max: 1 }), { nil: null }),
      secretRevision: fc.nat({ max: 1 }),
      blocked: fc.boolean(),
    }),
    { minLength: 4, maxLength: 4 },
  ),
})

export const uidOf = (index: number) => `0000000${index}-0000-4000-8000-000000000000`
const refOf = (index: number): ObjectRef => ({ kind: 'MicroVM', namespace: 'default', name: `vm${index}` })

/** What a wish means for the host. A VM whose network is not wanted is not wanted either. */
export function desiredOf(wish: Wish): HostState {
  const wanted = wish.vms
    .map((vm, index) => ({ vm, index }))
    .filter(({ vm }) => vm.present && wish.networks[vm.network])
  const machines = wanted.map(({ vm, index }) => machineOf(vm, index))
  const networks = [0, 1].filter((network) => wanted.some(({ vm }) => vm.network === network))
  return {
    held: [],
    forwarding: networks.length > 0,
    bridges: networks.map((network) => {
      const owner = { kind: 'MicroVMNetwork', namespace: '', name: `net${network}` }
      return { owner, name: `br${network}`, alias: aliasOf(root, owner), address: `10.${network}.0.1/24`, mtu: null }
    }),
    taps: wanted.map(({ vm, index }) => ({
      owner: refOf(index),
      name: `tap${index}`,
      alias: aliasOf(root, refOf(index)),
      bridge: `br${vm.network}`,
      user: 60000 + index,
      mtu: null,
      machine: uidOf(index),
      nic: 'eth0',
    })),
    rules: networks.length > 0 ? rulesOf(wanted, networks) : null,
    volumes: wanted.flatMap(({ vm, index }) => volumesOf(vm, index)),
    machines,
    departed: wish.vms.flatMap((vm, index) =>
      vm.present && wish.networks[vm.network] ? [] : [{ uid: uidOf(index), owner: refOf(index) }],
    ),
  }
}

function rulesOf(wanted: readonly { vm: VmWish; index: number }[], networks: readonly number[]): RuleSets {
  return {
    ...emptyRuleSets,
    portMacs: wanted.map(({ index }) => `tap${index} . 02:00:00:00:00:0${index}`),
    portAddresses: wanted.map(({ vm, index }) => `tap${index} . 10.${vm.network}.0.1${index}`),
    gateways: networks.map((network) => `br${network} . 10.${network}.0.1`),
    masquerade: networks.map((network) => `10.${network}.0.0/24`),
  }
}

function volumesOf(vm: VmWish, index: number): Volume[] {
  if (vm.disk === 'none') return []
  return [
    {
      owner: refOf(index),
      name: `vol${index}-${vm.disk}`,
      ownerUid: vm.disk === 'ephemeral' ? uidOf(index) : `state-${index}`,
      ephemeral: vm.disk === 'ephemeral',
      size: 1 << 20,
      fsType: 'ext4',
      label: null,
      holder: uidOf(index),
      intent: 'Keep',
      adopt: false,
    },
  ]
}

function machineOf(vm: VmWish, index: number): Machine {
  const uid = uidOf(index)
  const [volume] = volumesOf(vm, index)
  return {
    owner: refOf(index),
    uid,
    id: idOf(uid),
    user: 60000 + index,
    runStrategy: vm.strategy,
    power: vm.power,
    blocked: vm.blocked ? 'its image is missing' : null,
    boot: {
      hypervisor: 'qemu',
      qemu: { machine: 'q35', accel: 'tcg' },
      name: `default.vm${index}`,
      uuid: uid,
      vcpu: 1,
      memory: 1 << 28,
      architecture: 'amd64',
      kernel: '/k',
      initrd: null,
      cmdline: '',
      disks: volume ? [{ name: 'd', path: `/v/${volume.name}`, readOnly: false, volume: volume.name }] : [],
      nics: [{ name: 'eth0', tap: `tap${index}`, mac: `02:00:00:00:00:0${index}`, mtu: null }],
      credentials: [],
      oemStrings: [],
    },
    digests: {
      compute: `c${vm.revision}`,
      image: 'i',
      guest: 'g',
      disks: vm.disk,
      network: `n${vm.network}`,
      restart: 'r',
    },
    credentials: vm.secret === null ? null : { key: 'k1', digest: `s${vm.secretRevision}` },
    secrets: vm.secret === null ? [] : [`Secret/default/s${vm.secret}`],
    graceSeconds: 30,
  }
}

/** One thing that somebody else does to the host. */
export type Drift = (host: MemoryHost) => MemoryHost

const onObserved = (change: (host: MemoryHost) => Partial<MemoryHost['observed']>): Drift => {
  return (host) => ({ ...host, observed: { ...host.observed, ...change(host) } })
}

const dropLink = (name: string): Drift =>
  onObserved(({ observed }) => ({
    links: observed.links
      .filter((link) => link.name !== name)
      .map((link) => (link.master === name ? { ...link, master: null } : link)),
  }))

const patchLink = (name: string, change: object): Drift =>
  onObserved(({ observed }) => ({
    links: observed.links.map((link) => (link.name === name ? { ...link, ...change } : link)),
  }))

const patchMachine = (index: number, change: object): Drift =>
  onObserved(({ observed }) => ({
    machines: observed.machines.map((machine) => (machine.uid === uidOf(index) ? { ...machine, ...change } : machine)),
  }))

/** Drifts by hand, by crash and by guests. */
export const drifts: fc.Arbitrary<Drift> = fc.oneof(
  fc.constantFrom('br0', 'br1', 'tap0', 'tap1', 'tap2', 'tap3').map(dropLink),
  fc.constantFrom('br0', 'tap0', 'tap1').map((name) => patchLink(name, { up: false })),
  fc.constantFrom('br0', 'tap0', 'tap1').map((name) => patchLink(name, { alias: '' })),
  fc.constantFrom('tap0', 'tap1').map((name) => patchLink(name, { master: null })),
  fc.constantFrom('br0', 'br1').map((name) => patchLink(name, { addresses: ['192.0.2.1/24'] })),
  fc.constant(onObserved(({ observed }) => ({ rules: { ...observed.rules, chains: null, sets: emptyRuleSets } }))),
  fc.constant(onObserved(({ observed }) => ({ rules: { ...observed.rules, chains: 'tampered' } }))),
  fc.constant(
    onObserved(({ observed }) => ({
      rules: { ...observed.rules, sets: { ...observed.rules.sets, portMacs: ['x . y'] } },
    })),
  ),
  fc.constant(onObserved(() => ({ forwarding: false }))),
  fc.nat({ max: 3 }).map((index) => patchMachine(index, { phase: 'Gone', end: 'Crashed' })),
  fc.nat({ max: 3 }).map((index) => patchMachine(index, { phase: 'Ended', end: 'GuestShutdown' })),
  fc.nat({ max: 3 }).map((index) => patchMachine(index, { phase: 'Ended', end: 'GuestPanicked' })),
  fc.nat({ max: 3 }).map((index) => patchMachine(index, { phase: 'Paused' })),
  fc.nat({ max: 3 }).map((index) => patchMachine(index, { detachedNics: ['eth0'] })),
  fc.constant(onObserved(() => ({ machines: [], bootId: 'boot-2', links: [] }))),
  fc.constant(onObserved(({ observed }) => ({ links: [...observed.links, newLink('eth9', 'dummy')] }))),
  fc.constant((host: MemoryHost): MemoryHost => ({ ...host, ledger: { ...host.ledger, machines: {} } })),
)
