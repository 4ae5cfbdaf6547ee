import type { ObservedMachine } from '../host-state.ts'
import { type Ledger, newRecord } from '../ledger.ts'

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
