import { ownerOf } from '../alias.ts'
import { keyOfRef } from '../api/meta.ts'
import type { Link, ObservedMachine } from '../host-state.ts'
import { type Ledger, newRecord } from '../ledger.ts'
import type { Settings } from '../resolve/input.ts'
import { firstPower } from '../rollout/wants.ts'
import type { Accepted } from '../source/source.ts'

/**
 * The ledger with a record for each machine that runs and that it does not know: what was applied stands in the runtime
 * folder too. So a ledger that was lost costs nobody a restart. The same ledger when nothing is missing.
 */
export function rebuild(ledger: Ledger, machines: readonly ObservedMachine[]): Ledger {
  const lost = machines.filter((machine) => machine.started !== null && !ledger.machines[machine.uid]?.started)
  if (lost.length === 0) return ledger
  const records = { ...ledger.machines }
  for (const { uid, owner, user, started } of lost) {
    const record = records[uid] ?? { ...newRecord(owner, user, 'Always', 'on'), ...started?.carried }
    records[uid] = { ...record, user, started }
  }
  return { ...ledger, machines: records }
}

/**
 * The ledger with the Unix uid of each VM that it does not know and that has a TAP: its VMM may run although its runtime
 * folder is gone as well, and is told by nothing else. The same ledger when nothing is missing.
 */
export function rebuildUsers(
  ledger: Ledger,
  objects: readonly Accepted[],
  links: readonly Link[],
  { first, count }: Settings['users'],
): Ledger {
  const lost = objects.filter(({ object, uid }) => object.kind === 'MicroVM' && !ledger.machines[uid])
  if (lost.length === 0) return ledger
  const owners = new Map<string, number>()
  for (const { kind, user, alias } of links) {
    const owner = kind === 'tun' ? ownerOf(ledger.root, alias) : null
    if (owner !== null && user !== null && user >= first && user < first + count) owners.set(keyOfRef(owner), user)
  }
  const used = new Set(Object.values(ledger.machines).map(({ user }) => user))
  const found = lost.flatMap(({ object, uid, ref }) => {
    const user = owners.get(keyOfRef(ref))
    if (object.kind !== 'MicroVM' || user === undefined || used.has(user)) return []
    used.add(user)
    const strategy = object.spec.runStrategy ?? 'Always'
    return [[uid, newRecord(ref, user, strategy, firstPower(strategy, false))] as const]
  })
  if (found.length === 0) return ledger
  return { ...ledger, machines: { ...ledger.machines, ...Object.fromEntries(found) } }
}
