import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Witness, watchVmms } from '../chaos/witness.ts'
import { needsStage } from '../host/stage-guest.ts'
import { network, yaml } from '../host/stage-manifests.ts'
import { until } from '../host/stage-until.ts'
import { Dice } from '../sim/random.ts'
import { countsOf, writesOf } from './audit.ts'
import { hasCluster, needsCluster, tenant } from './cluster.ts'
import { type Disruption, disrupt } from './disruption.ts'
import { putRest, restImage, restingVm } from './images.ts'
import { type Installation, openInstallation } from './installation.ts'
import { conditionOf, wrongAtRest } from './rest.ts'

/** VMs, on two hosts; their guests halt at once, so that what is tried is control. */
const count = 200
const names = Array.from({ length: count }, (_, index) => `v${index}`)
const wanted = names.map((name) => ({ name, runs: true, memory: 16 }))

/** A seed: where it is about a host, which; and for how long something is away. */
const dice = new Dice(1)

let installation: Installation
let witness: Witness

beforeEach((context) => {
  needsCluster(context)
  needsStage(context)
})

beforeAll(async () => {
  if (!hasCluster) return
  installation = await openInstallation({ nodes: ['node-a', 'node-b'], prepare: putRest })
  const allowed = { networks: [{ name: 'n1' }], images: ['rest'], hostIdentifiers: ['TAP'] }
  const { stage } = installation.nodes[0]!
  await installation.offer(tenant('default', allowed), network('n1'), restImage(stage))
  // A look at hundreds of processes takes milliseconds of a processor.
  witness = watchVmms(
    installation.nodes.map((node) => node.stage),
    200,
  )
})

afterEach(({ task }) => {
  if (task.result?.state === 'fail' && installation) console.warn(`${task.name} failed\n${installation.tail(25)}`)
})

afterAll(async () => {
  witness?.stop()
  await installation?.close()
})

/** One after the other, with a moment between them. */
async function storm(...all: readonly Disruption[]): Promise<void> {
  for (const one of all) {
    await disrupt(installation, one, dice)
    await sleep(dice.between(0, 500))
  }
}

/** As `npm run chaos -- --kubernetes` judges. */
async function everythingIsAsWanted(those: typeof wanted, seconds: number): Promise<void> {
  const look = () => wrongAtRest(installation, those)
  await until('everything is as wanted', seconds, look, (wrong) => wrong.length === 0)
  await installation.history.caughtUp()
  expect(installation.history.wrong).toEqual([])
  expect(witness.doubles).toEqual([])
}

/** pid of each VMM; none may have had another one before. */
function lives(): Readonly<Record<string, readonly number[]>> {
  return Object.fromEntries([...witness.pids].map(([name, pids]) => [name, [...pids]]))
}

test(`${count} VMs applied while everything is killed: each is bound once, started once, and has its own address`, async () => {
  const { cluster, history, nodes, vms } = installation
  const began = performance.now()
  const applied = (async () => {
    for (let from = 0; from < count; from += 50) {
      const some = yaml(...names.slice(from, from + 50).map((name) => restingVm(name, 'n1')))
      // What somebody does who tries again until it is done: a server may be away.
      await until('they are applied', 120, async () => {
        await cluster.apply(some)
        return true
      })
    }
  })()
  await storm('apiserver killed', 'agent killed', 'manager killed', 'agent killed', 'link down', 'etcd killed')
  await applied
  await everythingIsAsWanted(wanted, 120)
  const took = (performance.now() - began) / 1000
  for (const name of names) expect([name, witness.pids.get(`default.${name}`)?.size]).toEqual([name, 1])
  const found = await vms()
  const addresses = found.flatMap(({ status }) =>
    ((status?.interfaces ?? []) as { addresses: { address: string }[] }[]).map((one) => one.addresses[0]?.address),
  )
  expect(new Set(addresses).size).toBe(count)
  const shares = nodes.map(({ name }) => found.filter(({ status }) => status?.nodeName === name).length)
  const writes = names.map((name) => history.writes.get(`default/${name}`) ?? 0)
  console.log(
    `all ${count} as wanted after ${took.toFixed(1)} s, ${shares.join(' and ')} on the hosts; versions of each in etcd: most ${Math.max(...writes)}, mean ${(writes.reduce((sum, each) => sum + each, 0) / count).toFixed(1)}`,
  )
  // Created, finalizer, bound; then its host: taken, starting, running, and a condition or two between them.
  expect(Math.max(...writes)).toBeLessThanOrEqual(12)
}, 300_000)

test('everything killed while they run: nobody notices but those who ask the server', async () => {
  const { history } = installation
  const before = lives()
  const writes = new Map(history.writes)
  await storm('manager killed', 'etcd compacted', 'agent killed', 'packets dropped', 'apiserver hung', 'agent killed')
  await everythingIsAsWanted(wanted, 120)
  expect(lives()).toEqual(before)
  const more = names.map((name) => history.writes.get(`default/${name}`)! - writes.get(`default/${name}`)!)
  console.log(`versions of each in etcd meanwhile: most ${Math.max(...more)}`)
  expect(Math.max(...more)).toBeLessThanOrEqual(2)
}, 300_000)

test('at rest only Leases are written', async () => {
  const { audit, history, nodes, vms } = installation
  for (const { stage } of nodes) await stage.settled(30)
  await until('all are told as ready', 30, vms, (list) => list.every((one) => conditionOf(one, 'Ready') === 'True'))
  await sleep(3000)
  await history.caughtUp()
  const [began, writes] = [Date.now(), new Map(history.writes)]
  await sleep(15_000)
  const asked = audit.since(began).filter(({ from }) => from !== 'other')
  console.log(`${count} VMs at rest for 15 s: ${JSON.stringify(countsOf(asked))}`)
  expect(new Set(writesOf(asked).map(({ resource, name }) => `${resource} ${name}`))).toEqual(
    new Set(['leases node-a', 'leases node-b', 'leases moorage-manager']),
  )
  for (const { name, stage } of nodes) {
    const beats = asked.filter((one) => one.resource === 'leases' && one.name === name).length
    expect(beats).toBeGreaterThanOrEqual(1)
    expect(beats).toBeLessThanOrEqual(2)
    expect(stage.log()).not.toMatch(/Warning: /)
  }
  await history.caughtUp()
  expect(history.writes).toEqual(writes)
}, 120_000)

test('all of them deleted while agents and manager are killed: nothing is left of them', async () => {
  const { cluster } = installation
  await cluster.kubectl('delete', 'microvms', '--all', '--wait=false')
  await storm('manager killed', 'agent killed', 'agent killed')
  await everythingIsAsWanted([], 120)
}, 300_000)
