import { keyOfRef } from '../api/meta.ts'
import type { Observed } from '../host-state.ts'
import type { Ledger } from '../ledger.ts'
import type { RecoverUid } from '../source/uid.ts'

type Uids = ReadonlyMap<string, string>

export type Shown = Pick<Observed, 'machines' | 'volumes'>

/**
 * Answers the uid of an object by its key as runtime folders bear it; while records may have been lost as volumes and the
 * ledger do, too. Null when none does.
 */
export function newUidRecall(now: () => readonly [Ledger, Shown]): RecoverUid {
  let last: readonly [Ledger, Shown] | null = null
  let running: Uids = new Map()
  let all: Uids = new Map()
  return (key, lost) => {
    const [ledger, shown] = now()
    if (last?.[0] !== ledger || last[1] !== shown) {
      last = [ledger, shown]
      running = new Map(shown.machines.map(({ owner, uid }) => [keyOfRef(owner), uid]))
      all = new Map([...known(ledger), ...kept(shown), ...running])
    }
    return (lost ? all : running).get(key) ?? null
  }
}

function known({ machines }: Ledger): readonly [string, string][] {
  return Object.entries(machines).map(([uid, { ref }]) => [keyOfRef(ref), uid])
}

function kept({ volumes }: Shown): readonly [string, string][] {
  return volumes.flatMap(({ owner, ownerUid, ephemeral }): [string, string][] =>
    owner && !ephemeral ? [[keyOfRef(owner), ownerUid]] : [],
  )
}
