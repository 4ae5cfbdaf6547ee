import { addressDrills } from './drills/address.ts'
import { delayDrills } from './drills/delay.ts'
import type { Drill } from './drills/drill.ts'
import { editDrills } from './drills/edit.ts'
import { ledgerDrills } from './drills/ledger.ts'
import { linkDrills } from './drills/link.ts'
import { loopDrills } from './drills/loop.ts'
import { machineDrills } from './drills/machine.ts'
import { manifestDrills } from './drills/manifest.ts'
import { ownershipDrills } from './drills/ownership.ts'
import { rolloutDrills } from './drills/rollout.ts'
import { secretDrills } from './drills/secret.ts'
import { specDrills } from './drills/spec.ts'
import { startDrills } from './drills/start.ts'
import { stateDrills } from './drills/state.ts'
import { vmmDrills } from './drills/vmm.ts'
import { wakeupDrills } from './drills/wakeup.ts'
import { Stage } from './stage.ts'

/** Everything that is drilled, noun by noun. */
export const drills: readonly Drill[] = [
  ...manifestDrills,
  ...ownershipDrills,
  ...ledgerDrills,
  ...stateDrills,
  ...addressDrills,
  ...machineDrills,
  ...secretDrills,
  ...specDrills,
  ...editDrills,
  ...startDrills,
  ...vmmDrills,
  ...linkDrills,
  ...wakeupDrills,
  ...rolloutDrills,
  ...loopDrills,
  ...delayDrills,
]

/** What a drill came to: what was violated, the first first; empty when nothing was. */
export async function drill({ name, play }: Drill): Promise<readonly string[]> {
  const stage = new Stage(name)
  await play(stage)
  return stage.end()
}
