import { type Fields, image, network, secret, vm, yaml } from '../host/stage-manifests.ts'

/** A VM as its manifest has it. */
export interface VmWish {
  readonly name: string
  readonly strategy: 'Always' | 'RerunOnFailure' | 'Once' | 'Manual' | 'Halted'
  /** Whether a Manual one was asked to run. */
  readonly asked: boolean
  /** MiB. */
  readonly memory: number
  readonly network: string
  /** Names of Secrets. */
  readonly secrets: readonly string[]
  /** Whether it has the credential that comes from the file. */
  readonly file: boolean
  /** Whether it has a disk of its own name, made by its template. */
  readonly state: boolean
  readonly graceSeconds: number
  readonly token: number
}

/** Everything that is wanted of a host, and what must not be lost. */
export interface Wish {
  readonly vms: Readonly<Record<string, VmWish>>
  /** Versions of the values of Secrets, and of the file. */
  readonly versions: Readonly<Record<string, number>>
  /** Names of states that were wanted and not deleted: their bytes stay. */
  readonly states: readonly string[]
  /** Names of states that were deleted by name. */
  readonly deleted: readonly string[]
  /** Names that VMs ever had. */
  readonly names: readonly string[]
  /** VMs whose VMM was killed: a second time would have to wait. */
  readonly crashed: readonly string[]
}

export const networks = ['n1', 'n2'] as const
export const secrets = ['s1', 's2'] as const
/** The credential file, as manifests name it. */
export const secretFile = '/run/secrets/f1'

/** A VM that is to run. The guest rests for ever, so that one that is to run once does. */
export function wantsToRun({ strategy, asked }: VmWish): boolean {
  return strategy === 'Manual' ? asked : strategy !== 'Halted'
}

/** What becomes of the bytes when a state of that name is deleted. */
export function policyOf(name: string): 'Retain' | 'Delete' {
  return name === 'a' ? 'Retain' : 'Delete'
}

/** A value that occurs nowhere by accident; `seed` keeps the runs apart. */
export function secretValue(seed: number, source: string, version: number): string {
  return `canary-${seed}-${source}-${version}-canary`
}

/** The newest values that a VM is to be given. */
export function valuesFor(seed: number, wish: Wish, { secrets: named, file }: VmWish): readonly string[] {
  return [...named, ...(file ? ['f1'] : [])].map((source) => secretValue(seed, source, wish.versions[source]!))
}

/** What never changes: a guest that is there at once and rests, and the networks. */
export function baseManifest(): string {
  const rest = image('rest') as { readonly spec: Fields }
  const source = { hostPath: { kernel: { path: '/var/lib/moorage/images/small/vmlinuz' } } }
  return yaml({ ...rest, spec: { architecture: 'amd64', source } }, ...networks.map((name) => network(name)))
}

export function secretManifest(seed: number, wish: Wish, name: string): string {
  return yaml(secret(name, { token: secretValue(seed, name, wish.versions[name]!) }))
}

export function vmManifest(wish: VmWish): string {
  const { name, strategy, memory, secrets: named, file, state, graceSeconds, token } = wish
  const items = [
    ...named.map((from) => ({ name: from, source: { secretKeyRef: { name: from, key: 'token' } } })),
    ...(file ? [{ name: 'f1', source: { file: { path: secretFile } } }] : []),
  ]
  const template = { disk: 'state', spec: { size: '4Mi', fsType: 'none', deletionPolicy: policyOf(name) } }
  return yaml(
    vm(name, {
      runStrategy: strategy,
      restartToken: String(token),
      qemu: { machine: 'microvm', accel: 'tcg' },
      memory: `${memory}Mi`,
      image: { name: 'rest' },
      terminationGracePeriodSeconds: graceSeconds,
      interfaces: [{ name: 'eth0', network: { name: wish.network }, tap: `vm-${name}` }],
      ...(items.length > 0 && { credentials: { items } }),
      ...(state && { disks: [{ name: 'state', state: { name } }], stateTemplates: [template] }),
    }),
  )
}
