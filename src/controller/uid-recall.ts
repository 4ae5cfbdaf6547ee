import { keyOfRef } from '../api/meta.ts'
import type { Observed } from '../host-state.ts'
import type { Ledger } from '../ledger.ts'

export type Shown = Pick<Observed, 'machines' | 'volumes'>

/**
 * Answers the uid of an object by its key as volumes, runtime folders and the ledger bear it, the surest last; null when
 * none does.
 */
export function newUidRecall(now: () => readonly [Ledger, Shown]): (key: string) => string | null {
  let last: readonly [Ledger, Shown] | null = null
  let uids: ReadonlyMap<string, string> = new Map()
  return (key) => {
    const [ledger, shown] = now()
    if (last?.[0] !== ledger || last[1] !== shown) {
      last = [ledger, shown]
      uids = uidsOf(ledger, shown)
    }
    return uids.get(key) ?? null
  }
}

function uidsOf(ledger: Ledger, { machines, volumes }: Shown): ReadonlyMap<string, string> {
  const known = Object.entries(ledger.machines).map(([uid, { ref }]): [string, string] => [keyOfRef(ref), uid])
  const states = volumes.flatMap(({ owner, ownerUid, ephemeral }): [string, string][] =>
    owner && !ephemeral ? [[keyOfRef(owner), ownerUid]] : [],
  )
  const running = machines.map(({ owner, uid }): [string, string] => [keyOfRef(owner), uid])
  return new Map([...known, ...states, ...running])
}
