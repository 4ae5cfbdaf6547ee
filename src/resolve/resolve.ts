import type { Refusal } from '../action.ts'
import { aliasOf } from '../alias.ts'
import type { MicroVM } from '../api/microvm.ts'
import type { HostState, ObjectRef, Tap, Volume } from '../host-state.ts'
import type { Ledger, MachineRecord, RootIdentity } from '../ledger.ts'
import { type Claims, emptyClaims } from './claims.ts'
import { volumeOf } from './disk.ts'
import { ofKind, type ResolveInput, type Wanted } from './input.ts'
import { claimAll, keptAddresses } from './interface.ts'
import { type MachineContext, type ResolvedMachine, recordOf, resolveMachine } from './machine.ts'
import { type Network, resolveNetworks } from './network.ts'
import { type OperationResult, takeOn } from './operation.ts'
import { ruleSetsOf } from './rules.ts'
import { tenantAllowanceOf } from './tenant.ts'

export interface Resolved {
  readonly state: HostState
  readonly refusals: readonly Refusal[]
  /** The ledger with what was given out and taken on; to be written before the first effect. */
  readonly ledger: Ledger
  readonly operations: readonly OperationResult[]
  readonly machines: readonly ResolvedMachine[]
  readonly networks: readonly Network[]
}

/**
 * What the objects mean for this host. Pure: the same input gives the same answer. Whatever cannot be realised becomes
 * a refusal of its object and touches nobody else; what runs of it is held as it is.
 */
export function resolve(input: ResolveInput): Resolved {
  const first = attempt(input, () => {})
  if (first.claims.refusals.length === 0) return first.resolved
  // Age alone would give an edit of the older one what the younger one runs with.
  return attempt(input, (claims) => claimSettled(first.context, first.records, claims)).resolved
}

interface Attempt {
  readonly resolved: Resolved
  readonly claims: Claims
  readonly context: MachineContext
  readonly records: Readonly<Record<string, MachineRecord>>
}

function attempt(input: ResolveInput, claimFirst: (claims: Claims) => void): Attempt {
  const claims = emptyClaims()
  claimFirst(claims)
  const vms = ofKind(input.objects, 'MicroVM')
  const { networks, refusals: networkRefusals } = resolveNetworks(ofKind(input.objects, 'MicroVMNetwork'), claims)
  const states = ofKind(input.objects, 'MicroVMState')
  const kept = keptAddresses(vms, networks, (uid) => input.ledger.machines[uid]?.addresses ?? {})
  const context: MachineContext = {
    input,
    networks,
    images: new Map(ofKind(input.objects, 'MicroVMImage').map((image) => [image.ref.name, image])),
    states: new Map(states.map((state) => [`${state.ref.namespace}/${state.ref.name}`, state])),
    tenants: new Map(
      ofKind(input.objects, 'MicroVMTenant').map(({ ref, object }) => [ref.name, tenantAllowanceOf(object.spec)]),
    ),
    claims,
    addresses: new Set([...fixedAddresses(vms, networks)].filter((address) => !kept.has(address))),
    kept,
  }
  const refusals: Refusal[] = [...networkRefusals]
  const machines: ResolvedMachine[] = []
  const held: string[] = []
  const { records, operations } = recordsOf(input, vms, refusals)
  for (const vm of vms) {
    const record = records[vm.uid]
    if (vm.deletion || !record) continue
    const made = resolveMachine(context, vm, record)
    if ('machine' in made) {
      machines.push(made)
      records[vm.uid] = made.record
      continue
    }
    held.push(vm.uid)
    if (made.problem !== null) refusals.push({ owner: vm.ref, reason: 'Refused', message: made.problem })
  }
  refusals.push(...claims.refusals)
  const attached = new Set(machines.flatMap((one) => one.volumes.map((volume) => volume.name)))
  const loose = states.map((state) => volumeOf(state, null)).filter((volume) => !attached.has(volume.name))
  const used = usedNetworks(machines, networks)
  const resolved = {
    state: hostStateOf(input.ledger.root, used, machines, loose, departedOf(vms), held),
    refusals,
    ledger: { ...input.ledger, machines: records },
    operations,
    machines,
    networks: [...networks.values()],
  }
  return { resolved, claims, context, records }
}

/** Whoever runs with what its spec asks for has it, whatever others ask for now. */
function claimSettled(context: MachineContext, records: Readonly<Record<string, MachineRecord>>, claims: Claims): void {
  for (const vm of ofKind(context.input.objects, 'MicroVM')) {
    const record = records[vm.uid]
    const started = record?.started
    if (vm.deletion || !record || !started || started.ended !== null) continue
    const alone = { ...context, claims: emptyClaims(), addresses: fixedAddresses([vm], context.networks) }
    const made = resolveMachine(alone, vm, record)
    if (!('machine' in made)) continue
    const { digests } = made.machine
    if (digests.network !== started.digests.network || digests.disks !== started.digests.disks) continue
    claimAll(claims, made.interfaces, vm.ref)
    for (const { owner, ephemeral } of made.volumes)
      if (!ephemeral) claims.take('state', `${owner.namespace}/${owner.name}`, vm.ref)
  }
}

/** A record for each VM, with the operations that were asked of it. */
function recordsOf(
  input: ResolveInput,
  vms: readonly Wanted<MicroVM>[],
  refusals: Refusal[],
): { records: Record<string, MachineRecord>; operations: readonly OperationResult[] } {
  const records: Record<string, MachineRecord> = { ...input.ledger.machines }
  const used = new Set(Object.values(records).map((record) => record.user))
  for (const vm of vms) {
    if (vm.deletion) continue
    const record = recordOf(vm, input, used)
    if (record) records[vm.uid] = record
    else
      refusals.push({
        owner: vm.ref,
        reason: 'NoUserFree',
        message: 'no Unix uid is free for its VMM; raise users.count in config.yaml',
      })
  }
  const byName = new Map(vms.map((vm) => [`${vm.ref.namespace}/${vm.ref.name}`, vm]))
  const operations: OperationResult[] = []
  for (const operation of ofKind(input.objects, 'MicroVMOperation')) {
    if (operation.deletion) continue
    const vm = byName.get(`${operation.ref.namespace}/${operation.object.spec.microVM.name}`)
    const record = vm && records[vm.uid]
    if (!vm || !record) {
      operations.push({
        key: operation.key,
        phase: 'Refused',
        message: `MicroVM ${operation.object.spec.microVM.name} is not there`,
      })
      continue
    }
    const taken = takeOn(operation, vm, record, input.now)
    records[vm.uid] = taken.record
    operations.push(taken.result)
  }
  return { records, operations }
}

/** Addresses that a spec names: they are not given to others. */
function fixedAddresses(vms: readonly Wanted<MicroVM>[], networks: ReadonlyMap<string, Network>): Set<string> {
  const fixed = vms.flatMap((vm) => (vm.object.spec.interfaces ?? []).flatMap((nic) => nic.address ?? []))
  return new Set([...fixed, ...[...networks.values()].map((network) => network.gateway)])
}

function usedNetworks(
  machines: readonly ResolvedMachine[],
  networks: ReadonlyMap<string, Network>,
): readonly Network[] {
  const names = new Set(machines.flatMap((one) => one.interfaces.map((nic) => nic.network.name)))
  return [...networks.values()].filter((network) => names.has(network.name))
}

function departedOf(vms: readonly Wanted<MicroVM>[]): readonly { uid: string; owner: ObjectRef }[] {
  return vms.filter((vm) => vm.deletion).map((vm) => ({ uid: vm.uid, owner: vm.ref }))
}

function hostStateOf(
  root: RootIdentity,
  networks: readonly Network[],
  machines: readonly ResolvedMachine[],
  loose: readonly Volume[],
  departed: HostState['departed'],
  held: readonly string[],
): HostState {
  const interfaces = machines.flatMap((one) => one.interfaces)
  return {
    forwarding: networks.some(
      ({ spec }) => spec.nat || spec.isolation.inbound === 'Allow' || spec.isolation.outbound === 'Allow',
    ),
    bridges: networks.map(({ ref, bridge, gateway, subnet, spec }) => ({
      owner: ref,
      name: bridge,
      alias: aliasOf(root, ref),
      address: `${gateway}/${subnet.prefix}`,
      mtu: spec.mtu ?? null,
    })),
    taps: machines.flatMap((one) => tapsOf(root, one)),
    rules: networks.length > 0 ? ruleSetsOf(networks, interfaces) : null,
    volumes: [...machines.flatMap((one) => one.volumes), ...loose],
    machines: machines.map((one) => one.machine),
    departed,
    held,
  }
}

function tapsOf(root: RootIdentity, { machine, interfaces }: ResolvedMachine): readonly Tap[] {
  return interfaces.map(({ name, tap, network }) => ({
    owner: machine.owner,
    name: tap,
    alias: aliasOf(root, machine.owner),
    bridge: network.bridge,
    user: machine.user,
    mtu: network.spec.mtu ?? null,
    machine: machine.uid,
    nic: name,
  }))
}
