import type { AnyObject } from '../api/kinds.ts'
import type { Secret } from '../api/secret.ts'
import type { Accepted } from '../source/source.ts'
import type { ShownObject } from './control-wire.ts'
import type { Status } from './status/status.ts'

/** An accepted object as it is shown: what its manifest says, what only the controller knows, its status. */
export function shownObject(accepted: Accepted, status: Status | undefined): ShownObject {
  const { uid, generation, createdAt, deletion } = accepted
  const { apiVersion, kind, metadata, ...content } = withoutValues(accepted.object)
  return {
    apiVersion,
    kind,
    metadata: {
      ...metadata,
      uid,
      generation,
      creationTimestamp: time(createdAt),
      ...(deletion !== null && { deletionTimestamp: time(deletion.at) }),
    },
    ...content,
    ...(status !== undefined && { status }),
  }
}

/**
 * A Secret with the length of each value in its place: text that is no base64, so that nobody applies it by mistake.
 * Its annotations stay here, since `kubectl apply` leaves a copy of the whole Secret in one.
 */
function withoutValues(object: AnyObject): Exclude<AnyObject, Secret> | Omit<Secret, 'stringData'> {
  if (object.kind !== 'Secret') return object
  const { stringData = {}, data = {}, metadata, ...rest } = object
  const { annotations: _, ...named } = metadata
  const lengths = new Map<string, number>()
  for (const [key, text] of Object.entries(data)) lengths.set(key, Buffer.from(text, 'base64').length)
  for (const [key, text] of Object.entries(stringData)) lengths.set(key, Buffer.byteLength(text))
  const shown = [...lengths].map(([key, length]) => [key, length === 1 ? '(1 byte)' : `(${length} bytes)`])
  return { ...rest, metadata: named, data: Object.fromEntries(shown) }
}

/** RFC 3339 without fractions, as Kubernetes writes it. */
function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z')
}
