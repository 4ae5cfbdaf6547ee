import { expect, test } from 'vitest'
import { SimCluster } from './cluster.ts'
import { imageObject, networkObject, plainVm, secretObject, tenantObject, vmObject } from './objects.ts'

/** Two VMs on two hosts, from nothing until they run. */
async function tell(seed: number): Promise<SimCluster> {
  const cluster = new SimCluster(seed, { hosts: 2, managers: 2 })
  cluster.start()
  const shared = [tenantObject(['n1'], null), networkObject('n1'), imageObject(), secretObject('token', 1)]
  const vms = [vmObject('a', { ...plainVm, secret: 'token' }), vmObject('b', { ...plainVm, state: 'data' })]
  for (const object of [...shared, ...vms]) cluster.kubectl.apply(object)
  await cluster.pass(60_000)
  cluster.kill()
  return cluster
}

test('what is applied runs, each on a host and at an address of its own; the same seed tells the same', async () => {
  const [first, second, other] = [await tell(1), await tell(1), await tell(2)]
  const runs = first.hosts.flatMap(({ process }) =>
    process.vmms().map(({ name, up, plan }) => `${name} ${up} ${plan?.addresses.get(0)}`),
  )
  expect(runs).toEqual(['team.a true 10.1.0.2', 'team.b true 10.1.0.3'])
  expect(second.trace.hash()).toBe(first.trace.hash())
  expect(other.trace.hash()).not.toBe(first.trace.hash())
})

test('a host that is killed hears no answer, and its VMs run on', async () => {
  const cluster = await tell(1)
  const before = cluster.store.version
  await cluster.pass(30_000)
  expect(cluster.store.version).toBe(before)
  expect(cluster.hosts.flatMap(({ process }) => process.vmms())).toHaveLength(2)
})
