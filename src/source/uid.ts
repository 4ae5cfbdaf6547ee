import type { Random } from '../world/clock.ts'
import { mintUid } from './identity.ts'
import type { Index } from './index.ts'

/**
 * Answers the uid under which the host still carries something of an object; null when it carries nothing of it.
 * `lost`: records may have been lost, so that anything counts; otherwise only what runs, and that has a record unless it
 * was lost before.
 */
export type RecoverUid = (key: string, lost: boolean) => string | null

/**
 * A uid for an object that has no record. The host is asked first: while records may have been lost for whatever it
 * carries, but never for one whose uid ended since, as a released volume would bring it back; later for what runs, so
 * that one whose record was lost is never started a second time. No uid is given twice.
 */
export function uidGiver(index: Index, others: Index, recover: RecoverUid, random: Random): (key: string) => string {
  const taken = new Set([...index.records.values(), ...others.records.values()].map(({ uid }) => uid))
  const ended = new Set(index.ended)
  return (key) => {
    const known = recover(key, index.recover && !ended.has(key))
    const uid = known === null || taken.has(known) ? mintUid(random) : known
    taken.add(uid)
    return uid
  }
}
