import type { Applied, Client } from '../kubernetes/client.ts'
import { ApiError } from '../kubernetes/error.ts'
import type { ApiObject } from '../kubernetes/resource.ts'
import { madeBy } from './cluster.ts'
import type { Write } from './decision.ts'
import { resourceFor } from './resources.ts'

/** Whose fields the manager's are. */
export const fieldManager = 'moorage-manager'

/** What became of a write. */
export type Outcome =
  /** `object`: as it is now; null: it is gone. */
  | { readonly is: 'done'; readonly object: ApiObject | null }
  /** It was decided on a version that is old: look again. */
  | { readonly is: 'stale' }
  /** Nobody knows whether it was carried out. */
  | { readonly is: 'unknown'; readonly error: Error }
  | { readonly is: 'failed'; readonly error: Error }
  /** Something before it was not carried out. */
  | { readonly is: 'skipped' }

/** Writes under way at a time. */
const lanes = 8

/** Carries out writes, each after those that it names. A failure keeps back only what is to come after it. */
export async function carryOut(
  writes: readonly Write[],
  send: (write: Write) => Promise<Outcome>,
): Promise<ReadonlyMap<string, Outcome>> {
  const outcomes = new Map<string, Outcome>()
  const ids = new Set(writes.map(({ id }) => id))
  let left = [...writes]
  while (left.length > 0) {
    const ready = left.filter(({ after }) => after.every((id) => outcomes.has(id) || !ids.has(id)))
    // Writes that wait for each other would wait for ever.
    const turn = (ready.length > 0 ? ready : left).slice(0, lanes)
    await Promise.all(
      turn.map(async (write) => {
        const isFree = write.after.every((id) => outcomes.get(id)?.is === 'done')
        outcomes.set(write.id, isFree ? await send(write) : { is: 'skipped' })
      }),
    )
    left = left.filter(({ id }) => !outcomes.has(id))
  }
  return outcomes
}

/** Sends one write. Never throws but for the signal. */
export async function send(client: Client, write: Write, signal: AbortSignal): Promise<Outcome> {
  try {
    return { is: 'done', object: await request(client, write, signal) }
  } catch (error) {
    signal.throwIfAborted()
    return outcomeOf(error as Error)
  }
}

function outcomeOf(error: Error): Outcome {
  if (!(error instanceof ApiError)) return { is: 'unknown', error }
  if (error.status === 409 || error.status === 404) return { is: 'stale' }
  // A server that failed may have written before.
  return error.status >= 500 ? { is: 'unknown', error } : { is: 'failed', error }
}

async function request(client: Client, write: Write, signal: AbortSignal): Promise<ApiObject | null> {
  const resource = resourceFor(write.ref.kind)
  const { name, namespace } = write.ref
  const where = { name, ...(namespace !== '' && { namespace }) }
  const head = { apiVersion: resource.apiVersion, kind: resource.kind }
  switch (write.do) {
    case 'status': {
      const object = { ...head, metadata: { ...where, ...write.on }, status: write.status }
      return client.apply(resource, object, { manager: fieldManager, force: true, subresource: 'status' }, signal)
    }
    case 'finalizers': {
      const object = await client.merge(
        resource,
        where,
        { metadata: { ...write.on, finalizers: write.finalizers } },
        signal,
      )
      // The server answers with what it removed when that was the last thing it waited for.
      const isGone = object.metadata.deletionTimestamp !== undefined && write.finalizers.length === 0
      return isGone ? null : object
    }
    case 'apply': {
      const metadata = { ...where, ...write.on, labels: { [madeBy.key]: madeBy.value } }
      const object: Applied = { ...head, metadata, ...write.members }
      return client.apply(resource, object, { manager: fieldManager, force: true }, signal)
    }
    case 'create': {
      const metadata = { ...where, labels: { [madeBy.key]: madeBy.value } }
      const { name: _name, ...collection } = where
      return client.create(resource, collection, { ...head, metadata, spec: write.spec }, signal)
    }
    case 'remove':
      await client.remove(resource, where, write.on, signal)
      return null
  }
}
