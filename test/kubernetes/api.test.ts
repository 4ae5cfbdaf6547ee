import { inject } from 'vitest'
import { linuxClock } from '../../src/world/linux/clock.ts'
import { apiContract } from './contract.ts'
import { newNamespace, openCluster } from './plane.ts'

apiContract(
  'a real API server',
  async () => {
    const { api, client } = await openCluster()
    return { api, clock: linuxClock(), namespace: () => newNamespace(client) }
  },
  inject('kubeconfig') !== null,
)
