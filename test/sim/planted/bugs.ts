import type { Bug } from './bug.ts'
import { clusterBugs } from './bugs-cluster.ts'
import { controllerBugs } from './bugs-controller.ts'
import { delayBugs } from './bugs-delay.ts'
import { hostBugs } from './bugs-host.ts'
import { planBugs } from './bugs-plan.ts'
import { resolveBugs } from './bugs-resolve.ts'
import { sourceBugs } from './bugs-source.ts'

/** Every mistake that the simulation must see, each for itself. */
export const bugs: readonly Bug[] = [
  ...sourceBugs,
  ...resolveBugs,
  ...planBugs,
  ...hostBugs,
  ...controllerBugs,
  ...delayBugs,
  ...clusterBugs,
]
