import type * as z from 'zod'
import { type MicroVMHost, microVMHost } from './host.ts'
import { type MicroVMShare, microVMShare } from './host-share.ts'
import { type MicroVMImage, microVMImage } from './image.ts'
import { API_VERSION } from './meta.ts'
import { type MicroVM, microVM } from './microvm.ts'
import { type MicroVMNetwork, microVMNetwork } from './network.ts'
import { type MicroVMOperation, microVMOperation } from './operation.ts'
import { type MicroVMRollout, microVMRollout } from './rollout.ts'
import { type Secret, secret } from './secret.ts'
import { type MicroVMState, microVMState } from './state.ts'
import { type MicroVMTenant, microVMTenant } from './tenant.ts'
import { type MicroVMVolume, microVMVolume } from './volume.ts'

/** An object of any kind. */
export type AnyObject =
  | MicroVM
  | MicroVMNetwork
  | MicroVMImage
  | MicroVMState
  | MicroVMVolume
  | MicroVMOperation
  | MicroVMRollout
  | MicroVMShare
  | MicroVMTenant
  | MicroVMHost
  | Secret

/** The name of a kind. */
export type KindName = AnyObject['kind']

/** The type of the objects of a kind. */
export type ObjectOf<K extends KindName> = Extract<AnyObject, { kind: K }>

/** A column of `moorage get` and `kubectl get`; `jsonPath` as Kubernetes writes it. Columns of priority 1 show in wide output only. */
export interface Column {
  readonly name: string
  readonly type: 'string' | 'integer' | 'boolean' | 'date'
  readonly jsonPath: string
  readonly priority?: number
}

/** A kind: how it is called, where it lives, what it looks like. */
export interface Kind {
  readonly kind: KindName
  readonly apiVersion: string
  readonly plural: string
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly scope: 'Namespaced' | 'Cluster'
  /** One sentence. */
  readonly description: string
  readonly schema: z.ZodObject
  readonly columns: readonly Column[]
  /** Fields besides name and namespace by which an API server selects objects, as it writes them: `.status.nodeName`. */
  readonly selectable: readonly string[]
}

const phase: Column = { name: 'Phase', type: 'string', jsonPath: '.status.phase' }
const ready: Column = { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' }
const node: Column = { name: 'Node', type: 'string', jsonPath: '.status.nodeName' }
const age: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }

type Own = Pick<Kind, 'scope' | 'description' | 'schema' | 'columns'> & { readonly selectable?: readonly string[] }

function ours(kind: KindName, short: string, own: Own): Kind {
  const singular = kind.toLowerCase()
  return {
    kind,
    apiVersion: API_VERSION,
    plural: `${singular}s`,
    singular,
    shortNames: [short],
    selectable: [],
    ...own,
  }
}

/** Of what is bound to a host: each host follows its own. */
const selectable = ['.status.nodeName']

/** Every kind that this build knows, in the order in which they are listed to people. */
export const KINDS: readonly Kind[] = [
  ours('MicroVM', 'mvm', {
    scope: 'Namespaced',
    description: 'One VM: compute, a fixed network identity, what it boots, which disks it carries.',
    schema: microVM,
    selectable,
    columns: [
      phase,
      ready,
      node,
      { name: 'IP', type: 'string', jsonPath: '.status.interfaces[0].addresses[0].address' },
      { name: 'State', type: 'string', jsonPath: '.status.disks[0].state' },
      { name: 'Restarts', type: 'integer', jsonPath: '.status.restarts.count' },
      { name: 'Image', type: 'string', jsonPath: '.spec.image.name', priority: 1 },
      age,
    ],
  }),
  ours('MicroVMNetwork', 'mvmnet', {
    scope: 'Cluster',
    description: 'One bridge with a subnet, NAT and isolation; real only on hosts where a VM needs it.',
    schema: microVMNetwork,
    columns: [
      { name: 'Subnet', type: 'string', jsonPath: '.spec.subnet' },
      { name: 'Bridge', type: 'string', jsonPath: '.status.bridge' },
      ready,
      age,
    ],
  }),
  ours('MicroVMImage', 'mvmimg', {
    scope: 'Cluster',
    description: 'What a VM boots: kernel, initrd, root disk, command line.',
    schema: microVMImage,
    columns: [{ name: 'Architecture', type: 'string', jsonPath: '.spec.architecture' }, ready, age],
  }),
  ours('MicroVMState', 'mvmstate', {
    scope: 'Namespaced',
    description: 'A portable disk that outlives any VM: the claim.',
    schema: microVMState,
    selectable,
    columns: [
      phase,
      { name: 'Size', type: 'string', jsonPath: '.spec.size' },
      { name: 'Volume', type: 'string', jsonPath: '.status.volume.name' },
      { name: 'MicroVM', type: 'string', jsonPath: '.status.microVM.name' },
      age,
    ],
  }),
  ours('MicroVMVolume', 'mvmvol', {
    scope: 'Cluster',
    description: 'The bytes of a state on one host: the record, made by the controller.',
    schema: microVMVolume,
    selectable,
    columns: [
      phase,
      { name: 'Capacity', type: 'string', jsonPath: '.spec.capacity' },
      { name: 'State', type: 'string', jsonPath: '.spec.stateRef.name' },
      { ...node, priority: 1 },
      age,
    ],
  }),
  ours('MicroVMOperation', 'mvmop', {
    scope: 'Namespaced',
    description: 'One imperative wish: start, stop or restart a VM.',
    schema: microVMOperation,
    selectable,
    columns: [
      { name: 'Type', type: 'string', jsonPath: '.spec.type' },
      { name: 'MicroVM', type: 'string', jsonPath: '.spec.microVM.name' },
      phase,
      age,
    ],
  }),
  ours('MicroVMRollout', 'mvmroll', {
    scope: 'Namespaced',
    description: 'How many of the VMs that a selector names may be away at once.',
    schema: microVMRollout,
    columns: [
      { name: 'Max-Unavailable', type: 'integer', jsonPath: '.spec.maxUnavailable' },
      { name: 'Selected', type: 'integer', jsonPath: '.status.selected' },
      { name: 'Unavailable', type: 'integer', jsonPath: '.status.unavailable' },
      { name: 'Waiting', type: 'integer', jsonPath: '.status.waiting' },
      age,
    ],
  }),
  ours('MicroVMShare', 'mvmshare', {
    scope: 'Cluster',
    description: 'A folder of a host that VMs may mount, by name.',
    schema: microVMShare,
    columns: [{ name: 'Path', type: 'string', jsonPath: '.spec.path' }, age],
  }),
  ours('MicroVMTenant', 'mvmtenant', {
    scope: 'Cluster',
    description: 'What the namespace of the same name may use.',
    schema: microVMTenant,
    columns: [
      { name: 'MicroVMs', type: 'integer', jsonPath: '.status.used.microVMs' },
      { name: 'Memory', type: 'string', jsonPath: '.status.used.memory' },
      { name: 'Disk', type: 'string', jsonPath: '.status.used.disk' },
      age,
    ],
  }),
  ours('MicroVMHost', 'mvmhost', {
    scope: 'Cluster',
    description: 'A host of a cluster: what it offers.',
    schema: microVMHost,
    columns: [
      ready,
      { name: 'vCPU', type: 'integer', jsonPath: '.status.allocatable.vcpu' },
      { name: 'Memory', type: 'string', jsonPath: '.status.allocatable.memory' },
      { name: 'Version', type: 'string', jsonPath: '.status.version' },
      age,
    ],
  }),
  {
    kind: 'Secret',
    apiVersion: 'v1',
    plural: 'secrets',
    singular: 'secret',
    shortNames: [],
    scope: 'Namespaced',
    description: 'Credentials, as in Kubernetes.',
    schema: secret,
    selectable: [],
    columns: [{ name: 'Type', type: 'string', jsonPath: '.type' }, age],
  },
]

const byName = new Map(KINDS.map((each) => [each.kind as string, each]))
const byWord = new Map(
  KINDS.flatMap((each) =>
    [each.kind, each.plural, each.singular, ...each.shortNames].map((word) => [word.toLowerCase(), each] as const),
  ),
)

/** The kind of exactly this name; undefined when there is none. */
export function kindOf(name: string): Kind | undefined {
  return byName.get(name)
}

/** The kind that a word on the command line means: kind, plural, singular or short name, in any case. */
export function kindNamed(word: string): Kind | undefined {
  return byWord.get(word.toLowerCase())
}

/** The kinds that are served by a CRD of ours. */
export function ourKinds(): readonly Kind[] {
  return KINDS.filter(({ apiVersion }) => apiVersion === API_VERSION)
}
