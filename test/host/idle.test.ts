import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { openStage, type Stage } from './stage.ts'
import { tellWhenFailed } from './stage-examine.ts'
import { needsStage, spy } from './stage-guest.ts'
import { image, network, networked, secret, withState, yaml } from './stage-manifests.ts'
import { filesBelow, netPictureOf } from './stage-picture.ts'
import { until } from './stage-until.ts'

/** Two VMs with all that a VM can have, a spy in the controller that tells what it starts, and nothing to do. */
let stage: Stage
let folder: string
let monitors: readonly ChildProcess[] = []

const passes = 100
const spyFile = () => `${folder}/spawned`
const spawned = () =>
  readFileSync(spyFile(), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as string[])
const passesDone = () => stage.log().split('"msg":"pass"').length - 1

beforeEach(needsStage as never)

beforeAll(async () => {
  folder = mkdtempSync('/tmp/moorage-e2e-spy-')
  writeFileSync(spyFile(), '')
  const env = { NODE_OPTIONS: `--require ${spy}`, MOORAGE_SPY: spyFile() }
  stage = await openStage({ config: { resyncSeconds: 3600 }, args: ['--log-level', 'debug'], env })
  mkdirSync(`${stage.root}/run/secrets`, { recursive: true })
  writeFileSync(`${stage.root}/run/secrets/file`, 'not-a-real-one', { mode: 0o400 })
  const items = [
    { name: 'api-key', source: { secretKeyRef: { name: 'token', key: 'token' } } },
    { name: 'db-password', source: { file: { path: '/run/secrets/file' } } },
  ]
  stage.write('base.yaml', yaml(image('small'), network('n1'), network('n2'), secret('token', { token: 'nor-this' })))
  stage.write('a.yaml', yaml(networked('a', 'n1', 2, { credentials: { items }, ...withState('a') })))
  stage.write('b.yaml', yaml(networked('b', 'n2', 2, { credentials: { items }, ...withState('b') })))
  await stage.start()
  await stage.ready(90, 'a', 'b')
  await stage.settled(10)
})

afterEach((context) => tellWhenFailed(context as never, stage))

afterAll(async () => {
  for (const monitor of monitors) monitor.kill('SIGKILL')
  await stage?.close()
  if (folder) rmSync(folder, { recursive: true, force: true })
})

/** Everything that a pass could change. */
async function pictureOfAll() {
  return {
    net: await netPictureOf(stage),
    vmms: stage.vmms(),
    state: filesBelow(stage.state, true),
    run: filesBelow(stage.run, true),
    manifests: filesBelow(stage.manifests, true),
  }
}

const descriptorsNow = () => readdirSync(`/proc/${stage.pid}/fd`).length

/** What the kernel tells of changes from now on, whoever makes them. */
async function watchKernel(): Promise<() => string> {
  let heard = ''
  monitors = [
    ['ip', 'monitor', 'link', 'address', 'route', 'rule', 'netconf'],
    ['nft', 'monitor'],
  ].map((argv) => {
    const [program, ...args] = stage.net.within(argv)
    const monitor = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    monitor.stdout.setEncoding('utf8').on('data', (text: string) => {
      heard += text
    })
    return monitor
  })
  await sleep(500)
  return () => heard
}

/** Programs that only read, as this controller calls them. */
const reads = [
  // What they are told on stdin is not seen here; that it changes nothing is heard from the kernel.
  /^ip( -N| -4| -j| -d| -force)+ -batch -$/,
  /^env HOME=\/dev\/null TERM=dumb nft -j -i$/,
  /^nft -j -a list (table|ruleset|tables|chains)\b[^;]*$/,
  /^nft -j(nn)? list (table|ruleset|tables|chains)\b[^;]*$/,
]

test(`${passes} passes change nothing and start nothing that does more than read`, async () => {
  const heard = await watchKernel()
  const before = await pictureOfAll()
  const [from, first, descriptors] = [passesDone(), spawned().length, descriptorsNow()]
  for (let pass = 1; pass <= passes; pass += 1) {
    await stage.wake()
    await until(`pass ${pass} is done`, 10, () => passesDone() - from >= pass)
  }
  await sleep(500)
  const [done, started] = [passesDone() - from, spawned().slice(first)]
  expect(await pictureOfAll()).toEqual(before)
  expect(heard()).toBe('')
  // A probe that is under way, our own questions.
  expect(descriptorsNow()).toBeLessThan(descriptors + 5)
  const commands = new Set(started.map((argv) => argv.join(' ')))
  console.log(`${done} passes started ${started.length} programs: ${[...commands].join('; ')}`)
  expect([...commands].filter((command) => !reads.some((read) => read.test(command)))).toEqual([])
  expect(started.length / done).toBeLessThanOrEqual(3)
  expect(started.length).toBeGreaterThan(0)
  // What is watched can be heard: none of the above is silence of a deaf ear.
  await stage.net.exec(['ip', 'link', 'set', 'dev', 'vm-a', 'alias', ''])
  await until('the monitors hear', 10, () => heard() !== '' && spawned().some((argv) => argv.includes('-force')))
  await stage.settled(10)
  await stage.ready(10, 'a')
})

test('files that are no manifests change nothing', async () => {
  const before = await pictureOfAll()
  for (const name of ['.hidden.yaml', 'README.md', 'a.yaml~', '.a.yaml.swp', '#a.yaml#', '..data']) {
    writeFileSync(`${stage.manifests}/${name}`, 'kind: [')
    await sleep(50)
    rmSync(`${stage.manifests}/${name}`)
  }
  await sleep(500)
  const { manifests: _, ...after } = await pictureOfAll()
  const { manifests: __, ...expected } = before
  expect(after).toEqual(expected)
  expect((await stage.problems()).problems).toEqual([])
})
