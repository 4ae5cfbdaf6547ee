import * as z from 'zod'
import { API_VERSION, clusterMeta, namespacedMeta } from './meta.ts'

const API_VERSION_TEXT = 'Version of the schema of this object.'
const KIND_TEXT = 'What the object is.'

/** An object of a namespaced kind of ours. */
export function namespacedObject<K extends string, Spec extends z.ZodType, Status extends z.ZodType>(
  kind: K,
  spec: Spec,
  status: Status,
) {
  return z.strictObject({
    apiVersion: z.literal(API_VERSION).describe(API_VERSION_TEXT),
    kind: z.literal(kind).describe(KIND_TEXT),
    metadata: namespacedMeta,
    spec,
    status: status.optional(),
  })
}

/** An object of a cluster-scoped kind of ours. */
export function clusterObject<K extends string, Spec extends z.ZodType, Status extends z.ZodType>(
  kind: K,
  spec: Spec,
  status: Status,
) {
  return z.strictObject({
    apiVersion: z.literal(API_VERSION).describe(API_VERSION_TEXT),
    kind: z.literal(kind).describe(KIND_TEXT),
    metadata: clusterMeta,
    spec,
    status: status.optional(),
  })
}
