import { existsSync, readdirSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openStage, type Stage } from './stage.ts'
import { follow, is } from './stage-client.ts'
import { tellWhenFailed } from './stage-examine.ts'
import { needsStage } from './stage-guest.ts'
import { image, network, networked, secret, withState, yaml } from './stage-manifests.ts'
import { filesBelow, tracesOf } from './stage-picture.ts'
import { stays, until } from './stage-until.ts'

/** `keep` runs all the time and nothing may happen to it; `extra` comes and goes, and the controller dies meanwhile. */
let stage: Stage
let before: unknown
let pid: number

const canary = 'a-canary-that-sings'

beforeEach(needsStage as never)

beforeAll(async () => {
  stage = await openStage()
  stage.write('base.yaml', yaml(image('small'), image('deaf', 'small', 'small.deaf'), network('n1'), network('n2')))
  stage.write('secret.yaml', yaml(secret('token', { token: canary })))
  stage.write('keep.yaml', yaml(networked('keep', 'n1', 2, withState('keep'))))
  await stage.start()
  await stage.ready(60, 'keep')
  await stage.settled(10)
  before = await tracesOf(stage)
  pid = stage.pidOf('keep')
})

// What a test that failed has left is no fault of the next one.
afterEach(async (context) => {
  await tellWhenFailed(context as never, stage)
  if (!stage || !existsSync(`${stage.manifests}/extra.yaml`)) return
  if (stage.pid === 0) await stage.start()
  await removeExtra()
})

afterAll(() => stage?.close())

async function expectKept(): Promise<void> {
  expect(stage.pidOf('keep')).toBe(pid)
  expect((await stage.vm('keep'))?.status).toMatchObject({ phase: 'Running', restarts: { count: 0 } })
}

test('idle: the next controller finds the same VM and has nothing to do', async () => {
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    await stage.end(signal)
    expect(stage.pidOf('keep')).toBe(pid)
    await stage.start()
    await stage.ready(10, 'keep')
    await stage.settled(10)
    await expectKept()
    expect(await tracesOf(stage)).toEqual(before)
  }
  const plan = await stage.moorage('plan')
  expect(plan, plan.stdout + plan.stderr).toMatchObject({ code: 0 })
})

test('for the next controller it was ready all the time', async () => {
  await stage.end('SIGKILL')
  await stage.start()
  const history = follow(`${stage.run}/moorage.sock`)
  for (let pass = 0; pass < 3; pass += 1) await stage.wake()
  await stays('it runs', 3, () => stage.pidOf('keep') === pid)
  history.stop()
  const said = history.lines.map(({ object }) => [is(object, 'Available'), is(object, 'Ready')].join())
  expect(new Set(said)).toEqual(new Set(['True,True']))
})

test('for the next controller a VM is not ready before its probe says so', async () => {
  const readiness = { tcpSocket: { port: 81 }, periodSeconds: 1 }
  stage.write('extra.yaml', extra({ readiness }))
  await until(
    'it runs',
    30,
    () => stage.vm('extra'),
    (vm) => vm?.status.phase === 'Running',
  )
  await stage.end('SIGKILL')
  await stage.start()
  const history = follow(`${stage.run}/moorage.sock`)
  for (let pass = 0; pass < 3; pass += 1) await stage.wake()
  await stays('it runs', 3, runs)
  history.stop()
  const said = history.lines.filter(({ object }) => object.metadata.name === 'extra')
  expect(new Set(said.map(({ object }) => is(object, 'Available')))).toEqual(new Set(['False']))
})

test('a second controller on the same root is refused in a sentence', async () => {
  const second = await stage.moorage('run', '--manifests', stage.manifests)
  expect(second.code).toBe(1)
  expect(second.stderr).toMatch(/^moorage: another controller holds \S+\/lock; end it first, or take another --root\n$/)
  await expectKept()
  expect(await tracesOf(stage)).toEqual(before)
})

/** A VM with everything a start makes. */
const extra = (spec = {}) =>
  yaml(
    networked('extra', 'n2', 2, {
      ...withState('extra', { deletionPolicy: 'Delete' }),
      readiness: undefined,
      terminationGracePeriodSeconds: 0,
      credentials: { items: [{ name: 'api-key', source: { secretKeyRef: { name: 'token', key: 'token' } } }] },
      ...spec,
    }),
  )

const entries = (folder: string) => readdirSync(`${stage.run}/vms/${folder}`)
const isMade = (name: string) => name.startsWith('.new-')
const idOfExtra = () => entries('').find((id) => !isMade(id) && entries(id).includes('credential-0'))
const runs = () => stage.vmms().some(({ name }) => name === 'default.extra')

/** Moments of a start in their order; one that is over before it is seen counts when the next one is. */
const moments: readonly (readonly [string, () => boolean])[] = [
  ['its status is written', () => readdirSync(`${stage.state}/status`).includes('MicroVM,default,extra.json')],
  ['its volume is made', () => readdirSync(`${stage.state}/volumes`).some(isMade)],
  ['its volume is there', () => readdirSync(`${stage.state}/volumes`).some((name) => name.startsWith('extra-'))],
  ['its folder is made', () => entries('').some(isMade)],
  ['its folder is there', () => entries('').filter((id) => !isMade(id)).length > 1],
  ['its credential is written', () => idOfExtra() !== undefined],
  ['its VMM is there', runs],
  ['its VMM has read its credential', () => runs() && idOfExtra() === undefined],
]

describe('killed while a VM starts', () => {
  test.each(moments.map(([name], index) => [name, index] as const))('when %s', async (_, index) => {
    stage.write('extra.yaml', extra())
    const later = moments.slice(index)
    const late = performance.now() + 20_000
    let [seen] = later.slice(0, 0)
    for (; !seen && performance.now() < late; await turn()) seen = later.findLast(([, holds]) => quietly(holds))
    await stage.end('SIGKILL')
    console.log(`killed when ${seen?.[0] ?? 'nothing had happened'}`)
    await stage.start()
    await stage.ready(30, 'extra', 'keep')
    await stage.settled(10)
    expect(
      stage
        .vmms()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['default.extra', 'default.keep'])
    const files = [...filesBelow(stage.run), ...filesBelow(stage.state)]
    expect(files.filter((line) => /\.new|credential-|oem-|\.deleted|\.tmp/.test(line))).toEqual([])
    await expectKept()
    await removeExtra()
  })
})

/** Without a manifest nothing is left of it but its state; and that is deleted by name. */
async function removeExtra(): Promise<void> {
  stage.remove('extra.yaml')
  await expectCleanUp(20)
}

async function expectCleanUp(seconds: number): Promise<void> {
  await until(
    'extra is gone',
    seconds,
    () => stage.vm('extra'),
    (vm) => vm === undefined,
  )
  expect(runs()).toBe(false)
  await stage.settled(10)
  const deleted = await stage.moorage('delete', 'MicroVMState', 'extra')
  expect(deleted, deleted.stderr).toMatchObject({ code: 0 })
  await until(
    'its state is gone',
    10,
    () => stage.objects('MicroVMState'),
    (states) => states.length === 1,
  )
  await until(
    'nothing is left of it',
    10,
    async () => JSON.stringify(await tracesOf(stage)) === JSON.stringify(before),
  ).catch(() => {})
  expect(await tracesOf(stage)).toEqual(before)
  await expectKept()
}

/** Something that vanishes while it is looked at is not there. */
function quietly(holds: () => boolean): boolean {
  try {
    return holds()
  } catch {
    return false
  }
}

describe('killed while a VM stops', () => {
  const slow = extra({ image: { name: 'deaf' }, terminationGracePeriodSeconds: 5 })

  async function beginStop(): Promise<void> {
    stage.write('extra.yaml', slow)
    await stage.ready(30, 'extra')
    stage.remove('extra.yaml')
    await until(
      'it is stopping',
      10,
      () => stage.vm('extra'),
      (vm) => vm?.status.phase === 'Stopping',
    )
  }

  test('when its guest was asked to go', async () => {
    await beginStop()
    const guest = stage.pidOf('extra')
    await stage.end('SIGKILL')
    expect(stage.pidOf('extra')).toBe(guest)
    await stage.start()
    await expectCleanUp(30)
  })

  test('when its VMM is gone and nothing is cleared yet', async () => {
    await beginStop()
    const late = performance.now() + 20_000
    while (runs() && performance.now() < late) await turn()
    await stage.end('SIGKILL')
    await stage.start()
    await expectCleanUp(30)
  })

  test('when its VMM goes while no controller runs', async () => {
    await beginStop()
    await stage.end('SIGKILL')
    process.kill(stage.pidOf('extra'), 'SIGKILL')
    await until('it is gone', 10, () => !runs())
    await stage.start()
    await expectCleanUp(30)
  })
})
