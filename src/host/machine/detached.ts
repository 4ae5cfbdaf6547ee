import type { Link } from '../../host-state.ts'
import type { World } from '../../world/world.ts'

/**
 * NICs whose TAP was made anew under the running VMM: the link is up and has no carrier, since nobody holds its other end.
 * What is seen once may be a VMM that was just opening it; so it has to last a moment, by kernel index of the link.
 */
export interface DetachedNics {
  /** Names of the NICs of one running machine that have lost their TAP. */
  of(uid: string, nics: readonly { name: string; tap: string }[], links: ReadonlyMap<string, Link>): readonly string[]
  /** The NIC was plugged in anew, or its machine is gone. */
  forget(uid: string, nic?: string): void
}

/** Milliseconds. */
export const moment = 300

export function detachedNics({ clock }: Pick<World, 'clock'>, wake: () => void): DetachedNics {
  /** By machine and NIC: the link that was seen without a carrier, and since when. */
  const dark = new Map<string, Map<string, { readonly index: number; readonly since: number }>>()

  const lasts = (uid: string, nic: string, index: number): boolean => {
    const seen = dark.get(uid)?.get(nic)
    if (seen?.index === index) return clock.monotonic() - seen.since >= moment
    dark.set(uid, (dark.get(uid) ?? new Map()).set(nic, { index, since: clock.monotonic() }))
    clock.after(moment, wake)
    return false
  }
  const forget = (uid: string, nic?: string): void => {
    if (nic === undefined) dark.delete(uid)
    else dark.get(uid)?.delete(nic)
  }
  return {
    forget,
    of: (uid, nics, links) =>
      nics
        .filter(({ name, tap }) => {
          const link = links.get(tap)
          if (link?.up && !link.carrier) return lasts(uid, name, link.index)
          forget(uid, name)
          return false
        })
        .map(({ name }) => name),
  }
}
