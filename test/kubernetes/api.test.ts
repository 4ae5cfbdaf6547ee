import { inject } from 'vitest'
import { linuxClock } from '../../src/world/linux/clock.ts'
import { newNamespace, openCluster } from './plane.ts'
import { apiContract } from './contract.ts'

apiContract(
  'a real API server',
  async () => {
    const { api, client } = await openCluster()
    return { api, clock: linuxClock(), namespace: () => newNamespace(client) }
  },
  inject('kubeconfig') !== null,
)
