import * as z from 'zod'
import { mapOf } from './map.ts'
import { type Rule, ruled } from './rule.ts'
import { label, subdomain, text, time, uid } from './text.ts'

/** The API group of every kind but Secret. */
export const GROUP = 'moorage.dev'

/** The version of every kind but Secret. */
export const VERSION = 'v1alpha1'

/** What `apiVersion` says in an object of ours. */
export const API_VERSION = `${GROUP}/${VERSION}` as const

/** The namespace of a namespaced object that names none. */
export const DEFAULT_NAMESPACE = 'default'

/** An object without its content: enough to find it. */
export interface ObjectRef {
  readonly kind: string
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string
  readonly name: string
}

/** `Kind/namespace/name`, with an empty namespace for cluster-scoped kinds: `MicroVM/default/slot1`, `MicroVMImage//debian`. */
export type ObjectKey = `${string}/${string}/${string}`

/** As much of an object as is needed to name it. */
export interface Named {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string | undefined }
}

/** The reference to an object. */
export function refOf({ kind, metadata }: Named): ObjectRef {
  return { kind, namespace: metadata.namespace ?? '', name: metadata.name }
}

/** The key of an object. */
export function keyOf(object: Named): ObjectKey {
  return keyOfRef(refOf(object))
}

/** The key of a reference. No part can hold a slash, so a key has one meaning. */
export function keyOfRef({ kind, namespace, name }: ObjectRef): ObjectKey {
  return `${kind}/${namespace}/${name}`
}

/** The reference that a key stands for. */
export function parseKey(key: ObjectKey): ObjectRef {
  const [kind = '', namespace = '', name = ''] = key.split('/')
  return { kind, namespace, name }
}

/** What the API server or the controller's index sets. A manifest may have it, as pasted output does; it is not believed. */
export const SERVER_FIELDS = [
  'uid',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'resourceVersion',
  'finalizers',
  'ownerReferences',
  'managedFields',
  'selfLink',
  'generateName',
] as const

const LABEL_KEY = /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?[/])?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/
const LABEL_VALUE = /^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/

/** Schemas of API servers say nothing of the keys of a map. */
const labelKeys: Rule = {
  rule: `self.all(key, size(key) <= 317 && key.matches('${LABEL_KEY.source}'))`,
  message: 'must be a name such as app or example.org/app',
}

/** A label key: a name of at most 63 characters, perhaps after a DNS prefix and a slash. */
export function labelKey() {
  return z.string().max(317).regex(LABEL_KEY, 'must be a name such as app or example.org/app')
}

/** Labels: keys as above, values of at most 63 characters. */
export function labels() {
  const message = 'must begin and end with a letter or digit, with only letters, digits, "-", "_" and "." between'
  return ruled(mapOf(labelKey(), z.string().max(63).regex(LABEL_VALUE, message), 128), labelKeys)
}

const owner = z.looseObject({
  apiVersion: text(317).optional().describe('API version of the owner.'),
  kind: text(63).optional().describe('Kind of the owner.'),
  name: text(253).optional().describe('Name of the owner.'),
  uid: uid().optional().describe('Uid of the owner.'),
})

const name = label().describe('Name, unique within kind and namespace; a DNS label, and never changed.')

const shared = {
  name,
  labels: labels().describe('Labels, for selectors.').optional(),
  annotations: mapOf(labelKey(), text(262_144), 256).describe('Notes of tools and people.').optional(),
  uid: uid().describe('Identity of this incarnation of the object; not read from manifests.').optional(),
  generation: z.number().int().min(0).describe('Counts changes of spec; not read from manifests.').optional(),
  creationTimestamp: time().nullable().describe('Not read from manifests.').optional(),
  deletionTimestamp: time().nullable().describe('Not read from manifests.').optional(),
  deletionGracePeriodSeconds: z.number().int().nullable().describe('Not read from manifests.').optional(),
  resourceVersion: text(64).describe('Not read from manifests.').optional(),
  finalizers: z.array(text(317)).max(64).describe('Not read from manifests.').optional(),
  ownerReferences: z.array(owner).max(64).describe('Not read from manifests.').optional(),
  managedFields: z.array(z.looseObject({})).max(256).describe('Not read from manifests.').optional(),
  selfLink: text(1024).describe('Not read from manifests.').optional(),
  generateName: text(253).describe('What a server made the name of; not read from manifests.').optional(),
}

/** `metadata` of a namespaced object. */
export const namespacedMeta = z
  .strictObject({
    ...shared,
    namespace: label().default(DEFAULT_NAMESPACE).describe('Namespace of the object.'),
  })
  .describe('Name, namespace and labels of the object.')

/** `metadata` of a cluster-scoped object. */
export const clusterMeta = z.strictObject(shared).describe('Name and labels of the object.')

/** `metadata` of a Secret, whose name is not ours to restrict. */
export const secretMeta = namespacedMeta
  .extend({ name: subdomain().describe('Name, unique within the namespace; a DNS subdomain, and never changed.') })
  .describe('Name, namespace and labels of the object.')

/** Characters of the longest name of a host: with what stands around it, it names Roles (253 characters) and files (255), too. */
export const MAX_HOST_NAME = 200

/** `metadata` of a MicroVMHost, which has the name of a Node. */
export const hostMeta = clusterMeta
  .extend({ name: subdomain(MAX_HOST_NAME).describe('Name of the host, as that of its Node; a DNS subdomain.') })
  .describe('Name and labels of the object.')

/** `metadata` of any object. */
export type ObjectMeta = z.infer<typeof clusterMeta> & { namespace?: string | undefined }
