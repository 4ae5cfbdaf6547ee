import { actKinds } from './acts.ts'
import { requestKinds, watchKinds } from './rates.ts'
import { stormKinds } from './storms.ts'

/** Everything that may happen to a cluster, as it is counted. */
export const clusterKinds: readonly string[] = [
  ...requestKinds,
  ...watchKinds,
  ...stormKinds,
  'agent killed at an effect',
  'manager killed at a write',
  ...actKinds,
]
