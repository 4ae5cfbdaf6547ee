import type { Random } from '../world/clock.ts'
import { mintUid } from './identity.ts'
import type { Index } from './index.ts'

/** Answers the uid under which the host still carries something of an object; null when it carries nothing of it. */
export type RecoverUid = (key: string) => string | null

/**
 * A uid for an object that has no record. Only while records may have been lost is the host asked first; never for one
 * whose uid ended since, as a released volume would bring it back; and no uid is given twice.
 */
export function uidGiver(index: Index, others: Index, recover: RecoverUid, random: Random): (key: string) => string {
  const taken = new Set([...index.records.values(), ...others.records.values()].map(({ uid }) => uid))
  const ended = new Set(index.ended)
  return (key) => {
    const known = index.recover && !ended.has(key) ? recover(key) : null
    const uid = known === null || taken.has(known) ? mintUid(random) : known
    taken.add(uid)
    return uid
  }
}
