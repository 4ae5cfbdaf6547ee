import { type Condition, condition } from '../api/conditions.ts'
import { memberOf, textMapIn } from '../api/loose.ts'
import { keyOfRef } from '../api/meta.ts'
import type { ApiObject } from '../kubernetes/resource.ts'
import type { Cluster, Meta, Pulse, Shared } from './cluster.ts'
import type { Told } from './decision.ts'
import { readHost } from './read-host.ts'
import { readMachine } from './read-machine.ts'
import {
  readGrant,
  readImage,
  readNetwork,
  readOperation,
  readRollout,
  readState,
  readTenant,
  readVolume,
} from './read-others.ts'

/** The API objects of a cluster, as reflectors hold them; each kind may be in any order. */
export interface ClusterObjects {
  readonly MicroVM: Iterable<ApiObject>
  readonly MicroVMState: Iterable<ApiObject>
  readonly MicroVMNetwork: Iterable<ApiObject>
  readonly MicroVMImage: Iterable<ApiObject>
  readonly MicroVMShare: Iterable<ApiObject>
  readonly MicroVMTenant: Iterable<ApiObject>
  readonly MicroVMRollout: Iterable<ApiObject>
  readonly MicroVMOperation: Iterable<ApiObject>
  readonly MicroVMVolume: Iterable<ApiObject>
  readonly MicroVMHost: Iterable<ApiObject>
  readonly Role: Iterable<ApiObject>
  readonly RoleBinding: Iterable<ApiObject>
}

/** Reads a cluster. Never throws. */
export function readCluster(objects: ClusterObjects, pulses: ReadonlyMap<string, Pulse>): Cluster {
  const told: Told[] = []
  const read = <K extends keyof ClusterObjects, T extends Meta>(kind: K, reader: Reader<T>): readonly T[] => {
    const found: T[] = []
    for (const object of objects[kind]) {
      const result = remembered(kind, object, reader)
      if ('value' in result) found.push(result.value)
      else told.push(result)
    }
    return found.sort(byAge)
  }
  return {
    machines: read('MicroVM', readMachine),
    states: read('MicroVMState', readState),
    networks: read('MicroVMNetwork', readNetwork),
    images: read('MicroVMImage', readImage),
    shares: read('MicroVMShare', readShared),
    tenants: read('MicroVMTenant', readTenant),
    rollouts: read('MicroVMRollout', readRollout),
    operations: read('MicroVMOperation', readOperation),
    volumes: read('MicroVMVolume', readVolume),
    hosts: read('MicroVMHost', readHost),
    grants: [...read('Role', readGrant), ...read('RoleBinding', readGrant)],
    pulses,
    told,
  }
}

const readShared: Reader<Shared> = ({ meta, status }) => ({ ...meta, status })

/** Reads one object; a text says why it cannot be read, without a full stop. */
export type Reader<T extends Meta> = (object: Readable) => T | string

export interface Readable {
  readonly meta: Meta
  readonly spec: unknown
  readonly status: unknown
  /** All of it. */
  readonly object: ApiObject
}

type Result<T> = { readonly value: T } | Told

/** Objects are never changed in place, so that each version is read once. */
const known = new WeakMap<ApiObject, { readonly reader: unknown; readonly result: unknown }>()

function remembered<T extends Meta>(kind: string, object: ApiObject, reader: Reader<T>): Result<T> {
  const before = known.get(object)
  if (before?.reader === reader) return before.result as Result<T>
  const result = readOne(kind, object, reader)
  known.set(object, { reader, result })
  return result
}

function readOne<T extends Meta>(kind: string, object: ApiObject, reader: Reader<T>): Result<T> {
  const meta = metaOf(kind, object)
  const value = reader({ meta, spec: object.spec, status: object.status, object })
  return typeof value === 'string' ? { ref: meta.ref, message: value } : { value }
}

function metaOf(kind: string, { metadata, status }: ApiObject): Meta {
  const { name, namespace = '', uid, resourceVersion, generation = 1, creationTimestamp, deletionTimestamp } = metadata
  const ref = { kind, namespace, name }
  return {
    ...{ ref, key: keyOfRef(ref), uid, resourceVersion, generation },
    createdAt: Date.parse(creationTimestamp ?? '') || 0,
    deleting: deletionTimestamp !== undefined && deletionTimestamp !== null,
    finalizers: metadata.finalizers ?? [],
    labels: textMapIn(metadata, 'labels'),
    conditions: conditionsOf(status),
  }
}

function conditionsOf(status: unknown): readonly Condition[] {
  const list = memberOf(status, 'conditions')
  if (!Array.isArray(list)) return []
  return list.filter((each): each is Condition => condition.safeParse(each).success)
}

/** The oldest first: who came first is served first, whatever else is there. */
function byAge(a: Meta, b: Meta): number {
  return a.createdAt - b.createdAt || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)
}
