import * as z from 'zod'
import { API_VERSION, clusterMeta, hostMeta, namespacedMeta } from './meta.ts'

/** Makes the schema of a kind of ours from what its objects should be and what they are. */
type Maker<Meta extends z.ZodType> = <K extends string, Spec extends z.ZodType, Status extends z.ZodType>(
  kind: K,
  spec: Spec,
  status: Status,
) => z.ZodObject<
  {
    apiVersion: z.ZodLiteral<typeof API_VERSION>
    kind: z.ZodLiteral<K>
    metadata: Meta
    spec: Spec
    status: z.ZodOptional<Status>
  },
  z.core.$strict
>

function withMeta<Meta extends z.ZodType>(metadata: Meta): Maker<Meta> {
  return (kind, spec, status) =>
    z.strictObject({
      apiVersion: z.literal(API_VERSION).describe('Version of the schema of this object.'),
      kind: z.literal(kind).describe('What the object is.'),
      metadata,
      spec,
      status: status.optional(),
    })
}

/** An object of a namespaced kind of ours. */
export const namespacedObject = withMeta(namespacedMeta)

/** An object of a cluster-scoped kind of ours. */
export const clusterObject = withMeta(clusterMeta)

/** An object that stands for a host. */
export const hostObject = withMeta(hostMeta)
