import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Stage } from '../host/stage.ts'
import { is } from '../host/stage-client.ts'
import { needsStage, spy } from '../host/stage-guest.ts'
import { type Fields, image, network, networked, yaml } from '../host/stage-manifests.ts'
import { timed, until } from '../host/stage-until.ts'
import { countsOf } from './audit.ts'
import { type Cluster, hasCluster, needsCluster, type Shown, tenant } from './cluster.ts'
import { digested } from './images.ts'
import { type Installation, openInstallation } from './installation.ts'

let folder: string
let installation: Installation
let cluster: Cluster
let stage: Stage

beforeEach((context) => {
  needsCluster(context)
  needsStage(context)
})

beforeAll(async () => {
  if (!hasCluster) return
  folder = mkdtempSync(join(tmpdir(), 'moorage-storm-'))
  const env = { NODE_OPTIONS: `--require=${spy}`, MOORAGE_SPY: join(folder, 'spawned') }
  installation = await openInstallation({ nodes: ['node-a'], env })
  cluster = installation.cluster
  stage = installation.nodes[0]!.stage
  const allowed = { networks: [{ name: 'n1' }], images: ['small'], hostIdentifiers: ['TAP'] }
  await installation.offer(tenant('default', allowed), network('n1'), digested(stage, image('small')))
})

afterEach(({ task }) => {
  if (task.result?.state === 'fail' && installation) console.warn(`${task.name} failed\n${installation.tail(25)}`)
})

afterAll(async () => {
  await installation?.close()
  if (folder) rmSync(folder, { recursive: true, force: true })
})

/** What somebody does who tries again until it is done: a server may be away. */
const insist = (what: string, work: () => Promise<unknown>) =>
  until(what, 60, async () => {
    await work()
    return true
  })
const patch = (name: string, spec: Fields) =>
  insist(`${name} is edited`, () =>
    cluster.kubectl('patch', `microvm/${name}`, '--type=merge', '-p', JSON.stringify({ spec })),
  )
const remove = (name: string) =>
  insist(`${name} is deleted`, () =>
    cluster.kubectl('delete', `microvm/${name}`, '--ignore-not-found', '--wait=false', '--request-timeout=5s'),
  )
const apply = (...objects: Fields[]) => insist('it is applied', () => cluster.apply(yaml(...objects)))
const wait: Installation['wait'] = (...args) => installation.wait(...args)
/** Ready once it runs; `a3` when its web page answers, over the network. */
const web = (name: string) => networked(name, 'n1', null, name === 'a3' ? {} : { readiness: undefined })
const all = () => installation.vms()
const names = async () => (await all()).map(({ metadata }) => metadata.name).sort()
const running = () =>
  stage
    .vmms()
    .map(({ name }) => name.replace('default.', ''))
    .sort()
const taps = async () =>
  [...(await stage.net.exec(['ip', '-br', 'link'])).matchAll(/^(vm-[^ @]+)/gm)].map(([, name]) => name!).sort()

/** How often a VMM of that name was started. */
function starts(name: string): number {
  const lines = readFileSync(join(folder, 'spawned'), 'utf8').split('\n')
  return lines.filter((line) => line.includes(`guest=default.${name},`) || line.includes(`guest=default.${name}"`))
    .length
}

async function everythingIsReady(): Promise<void> {
  const isThere = ({ metadata, status }: Shown) =>
    status?.observedGeneration === metadata.generation &&
    status.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'
  await until('everything is ready', 90, all, (list) => list.every(isThere))
}

/** No VMM, TAP, folder or Role of what is not wanted, and one of each of what is. */
async function nothingElseIsThere(wanted: readonly string[]): Promise<void> {
  expect(await names()).toEqual(wanted)
  expect(running()).toEqual(wanted)
  expect(await taps()).toEqual(wanted.map((name) => `vm-${name}`))
  expect(readdirSync(join(stage.run, 'by-name')).sort()).toEqual(wanted.map((name) => `default.${name}`))
  expect(readdirSync(join(stage.run, 'vms'))).toHaveLength(wanted.length)
}

/** pid, starts and restarts of each. */
async function lives(): Promise<Readonly<Record<string, readonly number[]>>> {
  return Object.fromEntries(
    (await all()).map(({ metadata: { name }, status }) => {
      const { count } = (status?.restarts ?? { count: 0 }) as { count: number }
      return [name, [stage.pidOf(name), starts(name), count]]
    }),
  )
}

test('the server killed five times while VMs are applied, edited and deleted: each was started for a reason', async () => {
  await apply(web('a1'), web('a2'), web('a3'), web('a4'))
  await everythingIsReady()
  const before = await lives()
  for (const [name, [, started, restarted]] of Object.entries(before)) {
    expect([name, started, restarted]).toEqual([name, 1, 0])
  }
  const away: number[] = []
  const killing = (async () => {
    for (let kill = 0; kill < 5; kill += 1) {
      const went = performance.now()
      await cluster.kill('apiserver')
      await sleep(kill * 200)
      await cluster.start('apiserver')
      away.push(Math.round(performance.now() - went))
      await sleep(500)
    }
  })()
  await apply(web('a5'))
  await patch('a2', { memory: '88Mi' })
  await remove('a1')
  await apply(web('a6'))
  await patch('a3', { terminationGracePeriodSeconds: 21 })
  await remove('a5')
  await killing
  const end = performance.now()
  await until('what is deleted goes', 60, names, (list) => list.join() === 'a2,a3,a4,a6')
  await everythingIsReady()
  await stage.settled(30)
  await until('its VMM is gone', 30, () => running().length === 4)
  console.log(`away for ${away.join(', ')} ms; all as applied ${Math.round(performance.now() - end)} ms after the last`)
  const after = await lives()
  expect(after).toMatchObject({ a3: before.a3, a4: before.a4 })
  expect(after.a2?.slice(1)).toEqual([2, 1])
  expect(after.a6?.slice(1)).toEqual([1, 0])
  expect([starts('a1'), starts('a5') <= 1]).toEqual([1, true])
  await nothingElseIsThere(['a2', 'a3', 'a4', 'a6'])
}, 180_000)

test('a watch that is older than what etcd keeps: deleted and made again meanwhile, the new one replaces the old', async () => {
  const [old, pid] = [(await cluster.get('microvm', 'a4'))?.metadata.uid, stage.pidOf('a4')]
  const others = await lives()
  const startsBefore = starts('a4')
  const began = Date.now()
  // The host hears the end of its watch, and then nothing.
  await cluster.kill('apiserver')
  await until('it is told', 30, async () => JSON.stringify(await stage.problems()).includes('cannot be reached'))
  await link('down')
  await cluster.start('apiserver')
  await remove('a4')
  await insist('nobody waits for the host', () =>
    cluster.kubectl('patch', 'microvm/a4', '--type=merge', '-p', '{"metadata":{"finalizers":null}}'),
  )
  await until('it is gone', 30, async () => (await names()).join() === 'a2,a3,a6')
  await apply(web('a4'))
  await cluster.kill('apiserver')
  await cluster.compact()
  await cluster.start('apiserver')
  expect(stage.pidOf('a4')).toBe(pid)
  await link('up')
  const fresh = (await cluster.get('microvm', 'a4'))?.metadata.uid
  expect(fresh).not.toBe(old)
  const took = await timed(() =>
    until(
      'the new one runs',
      90,
      () => stage.vm('a4'),
      (seen) => seen?.metadata.uid === fresh && is(seen, 'Ready') === 'True',
    ),
  )
  await everythingIsReady()
  await stage.settled(30)
  expect(existsProcess(pid)).toBe(false)
  expect(starts('a4')).toBe(startsBefore + 1)
  const { a4: _, ...same } = others
  expect(await lives()).toMatchObject(same)
  await nothingElseIsThere(['a2', 'a3', 'a4', 'a6'])
  const asked = installation.audit.since(began).filter(({ from }) => from === 'agent')
  const machines = countsOf(asked.filter(({ resource }) => resource === 'microvms'))
  const conflicts = asked.filter(({ code }) => code === 409).length
  console.log(
    `Ready with a new uid ${took} ms after the link came back; the agent asked ${JSON.stringify(machines)}, ${conflicts} conflicts`,
  )
  expect(machines['agent list microvms']).toBeGreaterThanOrEqual(1)
  expect(conflicts).toBeLessThan(20)
}, 180_000)

test('a server that hangs delays no repair', async () => {
  const before = await lives()
  cluster.signal('apiserver', 'SIGSTOP')
  try {
    const began = performance.now()
    const repairs: number[] = []
    for (let at = 0; at < 3; at += 1) {
      await sleep(4000)
      const index = (await taps()).length
      await stage.net.exec(['ip', 'link', 'del', 'dev', 'vm-a3'])
      repairs.push(await timed(() => until('the link is back', 5, taps, (found) => found.length === index)))
    }
    // For longer than a renewal of its Lease may take.
    await sleep(Math.max(0, 14_000 - (performance.now() - began)))
    console.log(`repaired in ${repairs.join(', ')} ms while the server hung`)
  } finally {
    cluster.signal('apiserver', 'SIGCONT')
  }
  await patch('a6', { terminationGracePeriodSeconds: 22 })
  await apply(web('a7'))
  await wait('microvm/a7', 'condition=Ready')
  await everythingIsReady()
  expect(await lives()).toMatchObject(before)
  await remove('a7')
  await until('it is gone', 60, names, (list) => !list.includes('a7'))
  await nothingElseIsThere(['a2', 'a3', 'a4', 'a6'])
}, 180_000)

test('a server that came back and knows nothing from before: what is at rest is watched, and not asked for again and again', async () => {
  await stage.settled(30)
  await cluster.kill('apiserver')
  await cluster.compact()
  await cluster.start('apiserver')
  const began = Date.now()
  await sleep(20_000)
  const asked = installation.audit.since(began).filter(({ from, verb }) => from === 'agent' && verb === 'get')
  console.log(`got within 20 s: ${JSON.stringify(countsOf(asked))}`)
  // Its own object, which did not change for long: once, once more since that is too old to watch, and once for sure.
  expect(asked.length).toBeLessThanOrEqual(3)
}, 180_000)

/** The way of the host to the server. */
async function link(state: 'up' | 'down'): Promise<void> {
  await installation.nodes[0]!.setLink(state)
}

function existsProcess(pid: number): boolean {
  return stage.vmms().some((one) => one.pid === pid)
}
