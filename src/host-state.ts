/**
 * The host as a value: what should be on it ({@link HostState}) and what is on it ({@link Observed}).
 * Everything here is plain data, JSON-safe, in a fixed order, so that two states can be compared and printed.
 */

import type { StartedRecord } from './ledger.ts'

/** Which object something belongs to. `namespace` is empty for cluster-scoped kinds. */
export interface ObjectRef {
  readonly kind: string
  readonly namespace: string
  readonly name: string
}

// --- what should be there -------------------------------------------------------------------------------------------

export interface HostState {
  /** IPv4 forwarding in this network namespace; null: nobody here needs it. */
  readonly forwarding: boolean
  readonly bridges: readonly Bridge[]
  readonly taps: readonly Tap[]
  /** null when no network is realised here: then our tables are not either. */
  readonly rules: RuleSets | null
  readonly volumes: readonly Volume[]
  readonly machines: readonly Machine[]
  /** Machines whose object is cleanly gone. One that is neither here nor in `machines` is left alone and reported. */
  readonly departed: readonly { readonly uid: string; readonly owner: ObjectRef }[]
  /** Uids of machines whose object is there and cannot be realised as it is written: what runs of them is left alone. */
  readonly held: readonly string[]
}

/** MTU of a link whose network names none, as the kernel makes them; bytes. */
export const linkMtu = 1500

export interface Bridge {
  readonly owner: ObjectRef
  readonly name: string
  /** `ifalias` of the link, which says whose it is: `moorage:<root>/<kind>/<namespace>/<name>`. */
  readonly alias: string
  /** The gateway with its prefix length, `10.1.0.1/24`. */
  readonly address: string
  readonly mtu: number | null
}

export interface Tap {
  readonly owner: ObjectRef
  readonly name: string
  readonly alias: string
  readonly bridge: string
  /** Unix uid that alone may attach to it. */
  readonly user: number
  readonly mtu: number | null
  /** The machine and the interface that it serves. */
  readonly machine: string
  readonly nic: string
}

/**
 * Elements of our nftables sets, each sorted. The chains are fixed; whatever differs between networks and VMs is an
 * element, so that a change touches no rule. Concatenations are written as nft does: `vm-slot1 . 02:00:00:00:00:01`.
 */
export interface RuleSets {
  /** bridge: `tap . mac` that may be a source. */
  readonly portMacs: readonly string[]
  /** bridge: `tap . address` that may be an IPv4 or ARP source. */
  readonly portAddresses: readonly string[]
  /** bridge: taps that pass unfiltered (antiSpoof: false). */
  readonly portUnfiltered: readonly string[]
  /** bridge: taps that may send IPv6. */
  readonly portIPv6: readonly string[]
  /** bridge: taps that may not reach other ports of their network (sameNetwork: Deny). */
  readonly portIsolated: readonly string[]
  /** inet: `bridge . address` of each gateway. */
  readonly gateways: readonly string[]
  /** inet: bridges whose guests reach DHCP and DNS on their gateway. */
  readonly hostServices: readonly string[]
  /** inet: bridges whose guests reach every port of the host on their gateway. */
  readonly hostOpen: readonly string[]
  /** inet: bridges whose guests may open connections to outside. */
  readonly outbound: readonly string[]
  /** inet: bridges that outside may open connections to. */
  readonly inbound: readonly string[]
  /** inet: bridges between which traffic passes (betweenNetworks: Allow on both). */
  readonly peers: readonly string[]
  /** inet: subnets that are masqueraded. */
  readonly masquerade: readonly string[]
}

export type RuleSetName = keyof RuleSets

/** A volume: `volumes/<name>/{data.img,volume.json}`. */
export interface Volume {
  readonly owner: ObjectRef
  readonly name: string
  /** uid of the MicroVMState, or of the MicroVM for an ephemeral disk. */
  readonly ownerUid: string
  readonly ephemeral: boolean
  /** Bytes. */
  readonly size: number
  readonly fsType: 'ext4' | 'xfs' | 'btrfs' | 'none'
  readonly label: string | null
  /** uid of the machine that holds it, null when none does. */
  readonly holder: string | null
  /** What shall become of it: `Delete` only when its object is cleanly gone and its policy says so. */
  readonly intent: 'Keep' | 'Delete'
  /** The state names this volume as its source: one that was released is taken over. */
  readonly adopt: boolean
}

/** Parts of a machine's specification; a change in any of them needs a restart. */
export const digestGroups = ['compute', 'image', 'guest', 'disks', 'network', 'restart'] as const
export type DigestGroup = (typeof digestGroups)[number]

export const runStrategies = ['Always', 'RerunOnFailure', 'Once', 'Manual', 'Halted'] as const

export type RunStrategy = (typeof runStrategies)[number]

export interface Machine {
  readonly owner: ObjectRef
  /** uid of the object: the identity. */
  readonly uid: string
  /** First 10 hex digits of it: the name of its runtime folder. */
  readonly id: string
  /** Unix uid and gid of its VMM. */
  readonly user: number
  readonly runStrategy: RunStrategy
  /** What a MicroVMOperation asked last: under `Manual`, `Once` and `RerunOnFailure` it can be off. */
  readonly power: 'on' | 'off'
  /** A reason why it must not start now (a bad reference, a missing image); it is no reason to stop. */
  readonly blocked: string | null
  readonly boot: Boot
  readonly digests: Readonly<Record<DigestGroup, string>>
  /** Keyed digest of all credential values; null when it has none or when they cannot be read now. */
  readonly credentials: CredentialRevision | null
  /** Secrets it takes values from, as keys such as `Secret/default/app`: who shares one restarts one by one. */
  readonly secrets: readonly string[]
  readonly graceSeconds: number
  /** Restarts of it wait for a turn that somebody gives, among machines of many hosts; absent where none is needed. */
  readonly turn?: Turn
}

/** `granted`: the change that it may be restarted for now, see `changeOf`; null while it has to wait. */
export interface Turn {
  /** null: the API server did not say yet whether there is one, so it has to wait. */
  readonly rollout: string | null
  readonly granted: string | null
}

/** `key` names the digest key, so that a lost key is told from a changed secret. */
export interface CredentialRevision {
  readonly key: string
  readonly digest: string
}

/** What to boot, in words every hypervisor understands. */
export interface Boot {
  readonly hypervisor: 'qemu' | 'cloud-hypervisor' | 'firecracker'
  readonly qemu: { readonly machine: 'q35' | 'microvm'; readonly accel: 'auto' | 'kvm' | 'tcg' }
  /** `namespace.name`: what `ps` shows. */
  readonly name: string
  readonly uuid: string
  readonly vcpu: number
  /** Bytes. */
  readonly memory: number
  readonly architecture: 'amd64' | 'arm64'
  readonly kernel: string
  readonly initrd: string | null
  readonly cmdline: string
  readonly disks: readonly Disk[]
  readonly nics: readonly Nic[]
  /** Names in order, each with the length of its value in bytes; never a value. */
  readonly credentials: readonly { readonly name: string; readonly length: number }[]
  readonly oemStrings: readonly string[]
}

export interface Disk {
  readonly name: string
  readonly path: string
  readonly readOnly: boolean
  /** Name of its volume, null for the image's root. */
  readonly volume: string | null
}

export interface Nic {
  readonly name: string
  readonly tap: string
  readonly mac: string
  readonly mtu: number | null
}

// --- what is there --------------------------------------------------------------------------------------------------

export interface Observed extends NetState {
  readonly bootId: string
  readonly machines: readonly ObservedMachine[]
  readonly volumes: readonly ObservedVolume[]
  /** Operations that are under way, so that nothing is planned twice and a newer wish may supersede. */
  readonly inFlight: readonly InFlight[]
}

export interface NetState {
  readonly forwarding: boolean
  /** Every link of the namespace, ours or not, by name. */
  readonly links: readonly Link[]
  readonly rules: ObservedRules
}

export interface Link {
  readonly name: string
  readonly index: number
  /** `info_kind` of ip(8): `bridge`, `tun`, `veth`; empty for a physical one. */
  readonly kind: string
  readonly alias: string
  readonly group: number
  readonly master: string | null
  readonly mac: string
  readonly mtu: number
  readonly up: boolean
  readonly carrier: boolean
  /** Uid a TAP belongs to, null for other links. */
  readonly user: number | null
  /** IPv4 addresses of global scope with prefix length. */
  readonly addresses: readonly string[]
}

/** What stands for the digest of our chains when only one of our two tables is there. */
export const halfOfTables = 'half of our tables'

export interface ObservedRules {
  /**
   * Digest of our chains and set definitions as the kernel lists them; {@link halfOfTables} when one of our tables is
   * missing, null when both are.
   */
  readonly chains: string | null
  /** The same digest for what we would load: equal means nobody changed a rule. */
  readonly reference: string
  readonly sets: RuleSets
  /** Base chains of others that see forwarded packets and drop by policy, as `family table chain`. */
  readonly foreign: readonly string[]
}

/**
 * What a machine's runtime folder, its life socket and its QMP say.
 * `Starting`: something holds the life socket, QMP has not greeted. `Ended`: the VMM is there, the guest is not
 * (powered off, panicked). `Gone`: nothing holds the life socket. `Stuck`: QMP greeted once and is silent now.
 */
export interface ObservedMachine {
  readonly uid: string
  readonly id: string
  readonly owner: ObjectRef
  /** Unix uid of its VMM. */
  readonly user: number
  readonly phase: 'Starting' | 'Running' | 'Paused' | 'Ended' | 'Gone' | 'Stuck'
  /** What was applied, from its runtime folder: a ledger that was lost is rebuilt from it. null when unreadable. */
  readonly started: StartedRecord | null
  /** Its readiness probe passes. */
  readonly ready: boolean
  /** How it ended, as far as its event journal tells; null while it runs or when nothing was written. */
  readonly end: MachineEnd | null
  /** In-place resets that the guest asked for since this incarnation started. */
  readonly resets: number
  readonly pid: number | null
  /** Somebody removed its runtime folder under it: it runs, is `Stuck`, and nobody can talk to it any more. */
  readonly stray?: true
  /** It is `Starting` for longer than a VMM takes, by a clock that nobody sets: it will not greet any more. */
  readonly late?: true
  /** It was asked to go and has not answered with a reboot: perhaps it is on its way down, whoever asked it. */
  readonly asked?: true
  /** Names of NICs whose TAP was taken away under the running VMM. */
  readonly detachedNics: readonly string[]
}

export type MachineEnd = 'GuestShutdown' | 'GuestPanicked' | 'Crashed' | 'Stopped'

export interface ObservedVolume {
  readonly name: string
  /** Whose it was made for, or adopted by last; null when its record cannot be read. */
  readonly owner: ObjectRef | null
  /** From `volume.json`. */
  readonly ownerUid: string
  readonly ephemeral: boolean
  readonly size: number
  /** What it was made with, from `volume.json`; absent when that cannot be read. */
  readonly madeWith?: { readonly fsType: string; readonly label: string | null }
  /** Unix uid that `data.img` belongs to now. */
  readonly user: number
  /** Why it must not be used (no data.img, size differs, unreadable record); null when whole. */
  readonly fault: string | null
}

export interface InFlight {
  readonly id: string
  /** Digest of the action, to tell the same wish from a newer one. */
  readonly digest: string
  readonly kind: string
  readonly machine: string | null
  readonly deadline: number | null
}
