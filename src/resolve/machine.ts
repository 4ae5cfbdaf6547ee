import type { MicroVMImage } from '../api/image.ts'
import type { MicroVM } from '../api/microvm.ts'
import type { MicroVMState } from '../api/state.ts'
import type { Machine, RunStrategy, Volume } from '../host-state.ts'
import { driverOf } from '../hypervisor/index.ts'
import { type MachineRecord, newRecord } from '../ledger.ts'
import { firstPower } from '../rollout/wants.ts'
import { bootOf, digestsOf } from './boot.ts'
import type { Claims } from './claims.ts'
import { resolveDisks } from './disk.ts'
import type { CredentialFacts, FileFact, ImageFacts, ResolveInput, Settings, Wanted } from './input.ts'
import { type Giving, type Interface, type KeptAddresses, resolveInterfaces } from './interface.ts'
import type { Network } from './network.ts'
import { type TenantAllowance, tenantRefusals, tenantWishOf } from './tenant.ts'

/** A VM with nothing left to be derived, and what it needs of the host. */
export interface ResolvedMachine {
  readonly machine: Machine
  readonly interfaces: readonly Interface[]
  readonly volumes: readonly Volume[]
  readonly record: MachineRecord
}

export interface MachineContext {
  readonly input: ResolveInput
  readonly networks: ReadonlyMap<string, Network>
  readonly images: ReadonlyMap<string, Wanted<MicroVMImage>>
  /** By `namespace/name`. */
  readonly states: ReadonlyMap<string, Wanted<MicroVMState>>
  /** What the namespaces of a cluster may use, by their names. */
  readonly tenants: ReadonlyMap<string, TenantAllowance>
  readonly claims: Claims
  /** Addresses that are given out. */
  readonly addresses: Set<string>
  /** Addresses that are given out to those who have them. */
  readonly kept: KeptAddresses
}

const noCredentials: CredentialFacts = { items: [], revision: null, secrets: [], problem: null }

/** One VM; or why it cannot be realised as it is written (null: `claims` has told). */
export function resolveMachine(
  context: MachineContext,
  vm: Wanted<MicroVM>,
  record: MachineRecord,
): ResolvedMachine | { problem: string | null } {
  const { input, networks, images, states, claims } = context
  const { spec } = vm.object
  const image = images.get(spec.image.name)
  if (!image) return { problem: `MicroVMImage ${spec.image.name} is not there` }
  const unsupported =
    refuseUnsupported(vm.object) ?? refusePlacement(vm.object, input.settings) ?? refuseTenant(vm, context)
  if (unsupported) return { problem: unsupported }

  const nics = resolveInterfaces(vm, networks, claims, givingOf(context, vm, record))
  if ('problem' in nics) return nics
  const files = input.images.get(spec.image.name) ?? missingFiles
  const disks = resolveDisks(vm, states, files, claims, input.settings)
  if ('problem' in disks) return disks

  const credentials = input.credentials.get(vm.uid) ?? noCredentials
  const { interfaces } = nics
  const parts = { vm, image, files, interfaces, disks: disks.disks, credentials, restartRequest: record.restartRequest }
  const boot = bootOf(parts)
  const driver = driverOf(boot.hypervisor)
  const [refusal] = driver
    ? driver.refuse(boot, input.features)
    : [`hypervisor ${boot.hypervisor} is not supported yet; use qemu`]
  if (refusal) return { problem: refusal }

  const strategy = spec.runStrategy ?? 'Always'
  const machine: Machine = {
    owner: vm.ref,
    uid: vm.uid,
    id: vm.uid.replaceAll('-', '').slice(0, 10),
    user: record.user,
    runStrategy: strategy,
    power: record.power.wish,
    blocked: bindingProblem(vm) ?? imageProblem(spec.image.name, files) ?? credentials.problem,
    boot,
    digests: digestsOf(parts),
    credentials: credentials.revision,
    secrets: credentials.secrets,
    graceSeconds: spec.terminationGracePeriodSeconds ?? input.settings.graceSeconds,
    ...(vm.assigned?.turn && { turn: vm.assigned.turn }),
  }
  const given = Object.fromEntries(interfaces.map(({ name, address }) => [name, address]))
  return { machine, interfaces, volumes: disks.volumes, record: { ...record, addresses: given } }
}

/** In a cluster a VM has what its tenant allows, also when its spec was edited after it was bound. */
function refuseTenant({ object, ref }: Wanted<MicroVM>, { input, tenants }: MachineContext): string | null {
  if (!input.settings.cluster) return null
  return tenantRefusals(ref.namespace, tenantWishOf(object.spec), tenants.get(ref.namespace) ?? null)[0] ?? null
}

/** In a cluster its manager alone gives out addresses; what it gave before is good while it cannot be asked. */
function givingOf(
  { input, addresses, kept }: MachineContext,
  { assigned }: Wanted<MicroVM>,
  record: MachineRecord,
): Giving {
  if (!input.settings.cluster) return { taken: addresses, kept, before: record.addresses }
  return { given: { ...record.addresses, ...assigned?.addresses } }
}

/** The record of a VM as the ledger has it, or a first one with a Unix uid of its own; null when none is free. */
export function recordOf(vm: Wanted<MicroVM>, input: ResolveInput, used: Set<number>): MachineRecord | null {
  const strategy: RunStrategy = vm.object.spec.runStrategy ?? 'Always'
  const record = input.ledger.machines[vm.uid]
  if (record) {
    if (record.power.strategy === strategy) return record
    const runs = record.started !== null && record.started.ended === null
    return { ...record, power: { wish: firstPower(strategy, runs), strategy } }
  }
  const { first, count } = input.settings.users
  for (let user = first; user < first + count; user++) {
    if (used.has(user)) continue
    used.add(user)
    return newRecord(vm.ref, user, strategy, firstPower(strategy, false))
  }
  return null
}

function bindingProblem({ unconfirmed }: Wanted<MicroVM>): string | null {
  if (!unconfirmed) return null
  return 'this host booted, and the API server did not say since that the VM is still bound here: it starts when the server does'
}

const missingFiles: ImageFacts = { kernel: { problem: 'its files were not looked at' }, initrd: null, root: null }

function imageProblem(name: string, { kernel, initrd, root }: ImageFacts): string | null {
  const bad = [kernel, initrd, root].find(
    (file): file is Extract<FileFact, { problem: string }> => !!file && 'problem' in file,
  )
  return bad ? `MicroVMImage ${name}: ${bad.problem}` : null
}

/** Fields of the API that this build cannot carry out: better refused in a sentence than ignored. */
function refuseUnsupported({ spec }: MicroVM): string | null {
  if (spec.shares && spec.shares.length > 0) return 'shares are not supported yet; remove spec.shares'
  if (spec.vsock) return 'vsock is not supported yet; remove spec.vsock'
  if (spec.readiness?.vsockNotify)
    return 'readiness.vsockNotify is not supported yet; use tcpSocket, httpGet or console'
  return null
}

/** On one host there is nothing to choose; a pin to another host is taken at its word. */
function refusePlacement({ spec }: MicroVM, { nodeName, cluster }: Settings): string | null {
  if (cluster) return null
  const pin = spec.placement?.nodeName
  if (pin !== undefined && pin !== nodeName)
    return `placement.nodeName is ${pin} and this host is ${nodeName}; it runs there`
  if (Object.keys(spec.placement?.nodeSelector ?? {}).length > 0) {
    return 'placement.nodeSelector needs a cluster; remove it, or pin the VM with placement.nodeName'
  }
  return null
}
