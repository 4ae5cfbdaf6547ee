import { type Fields, image, network, networked, secret, withState, yaml } from '../host/stage-manifests.ts'
import type { Dice } from './random.ts'

/** A VM as an operator of the simulated host wants it. */
export interface WantedVm {
  readonly network: string
  /** Mebibytes. */
  readonly memory: number
  readonly machine: 'q35' | 'microvm'
  readonly strategy: 'Always' | 'RerunOnFailure' | 'Once' | 'Manual' | 'Halted'
  readonly state: boolean
  /** What its credential comes from. */
  readonly credential: 'Secret' | 'file' | null
  readonly readiness: boolean
  /** Seconds. */
  readonly grace: number
  readonly token: number
}

/** Everything that an operator wants of a simulated host, as a value. */
export interface Wanted {
  readonly networks: Readonly<Record<string, { readonly nat: boolean }>>
  readonly vms: Readonly<Record<string, WantedVm>>
  /** Revision of the Secret object. */
  readonly secret: number
  /** Revision of the credential file on the host. */
  readonly file: number
  /** Revision of the kernel image. */
  readonly kernel: number
}

export const vmNames = ['a', 'b', 'c'] as const
export const networkNames = ['n1', 'n2'] as const

/** Every value of a secret contains it; it may stand nowhere but where secrets are kept and in the guest. */
export const canary = 'cAnArY0f7h3s3cr37'

export const nothing: Wanted = {
  networks: { n1: { nat: true } },
  vms: {},
  secret: 1,
  file: 1,
  kernel: 1,
}

/** One that runs and says so, and needs nothing else. */
export const plainVm: WantedVm = {
  network: 'n1',
  memory: 64,
  machine: 'q35',
  strategy: 'Always',
  state: false,
  credential: null,
  readiness: true,
  grace: 5,
  token: 1,
}

export function someVm(dice: Dice, networks: readonly string[]): WantedVm {
  return {
    network: dice.pick(networks),
    memory: dice.pick([64, 80]),
    machine: dice.pick(['q35', 'q35', 'microvm']),
    strategy: dice.weighted([
      [8, 'Always'],
      [1, 'RerunOnFailure'],
      [1, 'Once'],
      [1, 'Manual'],
      [1, 'Halted'],
    ]),
    state: dice.chance(0.4),
    credential: dice.pick(['Secret', 'Secret', 'file', null]),
    readiness: dice.chance(0.7),
    grace: dice.pick([1, 5, 20]),
    token: 1,
  }
}

/** Another value in one field. */
export function changedVm(vm: WantedVm, dice: Dice, networks: readonly string[]): WantedVm {
  const other = someVm(dice, networks)
  const field = dice.pick(Object.keys(vm) as (keyof WantedVm)[])
  return field === 'token' ? { ...vm, token: vm.token + 1 } : { ...vm, [field]: other[field] }
}

/** The manifests: one file for what is shared, one for each VM. By name in the directory. */
export function manifestsOf(wanted: Wanted): Map<string, string> {
  const shared: Fields[] = [
    image('small'),
    ...Object.entries(wanted.networks).map(([name, { nat }]) => network(name, { nat })),
    secret('token', { token: secretValue('token', wanted.secret) }),
  ]
  const files = new Map([['base.yaml', textOf(...shared)]])
  for (const [name, vm] of Object.entries(wanted.vms)) files.set(`${name}.yaml`, textOf(vmObject(name, vm)))
  return files
}

/** `yaml`, once for equal objects. */
function textOf(...objects: readonly Fields[]): string {
  const key = JSON.stringify(objects)
  const before = texts.get(key)
  if (before !== undefined) return before
  const text = yaml(...objects)
  if (texts.size >= mostTexts) texts.clear()
  texts.set(key, text)
  return text
}

const texts = new Map<string, string>()
const mostTexts = 2000

/** A secret value; `what` and the revision make it another. */
export function secretValue(what: string, revision: number): string {
  return `${canary}-${what}-${revision}`
}

/** Where the credential file is. */
export const credentialFile = '/run/secrets/key'

/** Last octet of a VM's address. */
export function lastOctet(name: string): number {
  return 10 + (vmNames as readonly string[]).indexOf(name)
}

function vmObject(name: string, vm: WantedVm): Fields {
  const source =
    vm.credential === 'file' ? { file: { path: credentialFile } } : { secretKeyRef: { name: 'token', key: 'token' } }
  const object = networked(name, vm.network, lastOctet(name), {
    qemu: { accel: 'tcg', machine: vm.machine },
    memory: `${vm.memory}Mi`,
    runStrategy: vm.strategy,
    restartToken: String(vm.token),
    terminationGracePeriodSeconds: vm.grace,
    ...(vm.state ? withState(`home-${name}`) : {}),
    ...(vm.credential === null ? {} : { credentials: { items: [{ name: 'api-key', source }] } }),
  })
  const spec = object.spec as Record<string, unknown>
  if (!vm.readiness) delete spec.readiness
  return object
}
