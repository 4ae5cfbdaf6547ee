import type { Boot } from '../host-state.ts'
import type { PowerOff } from '../ledger.ts'

/** What this host can do, found once at start and again when asked. */
export interface HostFeatures {
  readonly architecture: 'amd64' | 'arm64'
  /** Programs by the name a driver asks for, with their version; null when not installed. */
  readonly programs: Readonly<Record<string, Program | null>>
  /** Whether a guest instruction really ran under KVM. */
  readonly kvm: Kvm
  /** Frequency of the host's time stamp counter in kHz; absent when nobody says. */
  readonly tscKhz?: number
}

export interface Kvm {
  readonly usable: boolean
  readonly why: string
  /** Supplementary group of a VMM that uses it, as which it may open the device; null when it needs none. */
  readonly group: number | null
}

export interface Program {
  readonly path: string
  readonly version: string
}

/** Where a VMM finds what it is given. Paths are absolute. */
export interface Place {
  readonly program: Program
  /** Runtime folder of the VM; its uid may pass through and not write. */
  readonly directory: string
  /** fds of the inherited listening sockets; the life socket is inherited and never named in argv. */
  readonly fds: { readonly qmp: number; readonly console: number; readonly life: number }
  readonly accel: 'kvm' | 'tcg'
  /** As in {@link HostFeatures}. */
  readonly tscKhz?: number
}

/** Files of {@link Place.directory} that both sides know by name. The host makes them, empty, for the VMM to append to. */
export const placeFiles = {
  /** What the guest writes to its serial console. */
  console: 'console.log',
  /** What happened to the guest, one event a line. */
  journal: 'events.log',
} as const

/** A file that must stand in {@link Place.directory} before the VMM starts and go once it answers. */
export interface CredentialFile {
  readonly file: string
  /** Index into `boot.credentials`, or into `boot.oemStrings`. */
  readonly of: { readonly credential: number } | { readonly oemString: number }
  /** Text before the value; systemd's `io.systemd.credential.binary:NAME=` for SMBIOS. */
  readonly prefix: string
  /** How the value is written behind it. */
  readonly encoding: 'raw' | 'base64'
}

/** Something without a secret that must stand in {@link Place.directory} before the VMM starts: a file or a link. */
export type PlainFile =
  | { readonly file: string; readonly text: string }
  | { readonly file: string; readonly target: string }

/** One QMP command; `missing` says that QEMU may answer DeviceNotFound. */
export interface MonitorCommand {
  readonly execute: string
  readonly arguments: Readonly<Record<string, string | number | boolean>>
  readonly missing?: boolean
}

/** How an interface of a running VMM gets a TAP again that was made anew under the old name. */
export interface Rewiring {
  readonly nic: string
  readonly tap: string
  readonly commands: readonly MonitorCommand[]
}

export interface Command {
  readonly argv: readonly string[]
  readonly credentialFiles: readonly CredentialFile[]
  readonly plainFiles: readonly PlainFile[]
  /** Kept with the incarnation, so that a later version rewires what this one wired; one for each interface. */
  readonly rewirings: readonly Rewiring[]
}

/** How one hypervisor is told what to do. Pure: nothing here touches the host. */
export interface Driver {
  readonly name: Boot['hypervisor']
  /** Name under {@link HostFeatures.programs} of what it runs for this VM. */
  program(boot: Boot): string
  /** Why this VM cannot run here, each in a sentence; empty when it can. */
  refuse(boot: Boot, features: HostFeatures): readonly string[]
  /** `auto` made definite. */
  accel(boot: Boot, features: HostFeatures): 'kvm' | 'tcg'
  command(boot: Boot, place: Place): Command
  powerOff(boot: Boot, graceSeconds: number): PowerOff
}
