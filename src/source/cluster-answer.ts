import type { ApiObject } from '../kubernetes/resource.ts'
import { type Answer, epochOf, timeOf } from './cluster-accept.ts'

/**
 * What it means that an object left: `gone` is the last of it that was sent, `there` what the server has now under its
 * name. Only a deletion, another incarnation or a later binding takes an object away; a status that was lost, or a server
 * that was set back, does not.
 */
export function answerOf(
  { object, sent }: { readonly object: ApiObject; readonly sent: boolean },
  there: ApiObject | null,
  nodeName: string,
  now: number,
): Answer {
  if (there === null) return { is: 'gone', deleted: sent && object.metadata.deletionTimestamp !== undefined }
  if (there.metadata.uid !== object.metadata.uid) return { is: 'replaced' }
  const { nodeName: host } = (there.status ?? {}) as { nodeName?: unknown }
  const [ours, theirs] = [epochOf(object.status), epochOf(there.status)]
  if (typeof host === 'string' && host !== nodeName && theirs !== undefined && theirs > (ours ?? -1)) {
    return { is: 'elsewhere' }
  }
  const { deletionTimestamp } = there.metadata
  return deletionTimestamp === undefined ? { is: 'ours' } : { is: 'deleting', at: timeOf(deletionTimestamp, now) }
}
