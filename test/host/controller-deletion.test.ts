import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openStage, type Stage } from './stage.ts'
import { conditionOf } from './stage-client.ts'
import { tellWhenFailed } from './stage-examine.ts'
import { needsStage } from './stage-guest.ts'
import { image, network, networked, vm, withState, yaml } from './stage-manifests.ts'
import { ourLinks, tracesOf } from './stage-picture.ts'
import { inGuest } from './stage-shell.ts'
import { stays, until } from './stage-until.ts'

let stage: Stage

beforeEach(needsStage as never)

beforeAll(async () => {
  stage = await openStage()
  stage.write('images.yaml', yaml(image('small')))
  await stage.start()
  await stage.settled(10)
})

afterEach((context) => tellWhenFailed(context as never, stage))

afterAll(() => stage?.close())

const gone = (name: string) =>
  until(
    `${name} is gone`,
    40,
    () => stage.vm(name),
    (one) => one === undefined,
  )

const manifest = yaml(network('n1'), networked('a', 'n1', 2, withState('home')))

/** What is there before any VM was, but for what a state leaves by its policy. */
async function traces() {
  const { state, ...rest } = (await tracesOf(stage)) as { state: readonly string[] }
  const lasting = /^volumes\/home-|^status\/MicroVMState,default,home|^ledger\/host.json$|^objects\/accepted$/
  return { ...rest, state: state.filter((path) => !lasting.test(path)) }
}

test('a manifest deleted: everything of it goes but its state, which keeps its bytes', async () => {
  const before = await traces()
  stage.write('a.yaml', manifest)
  await stage.ready(60, 'a')
  expect(await ourLinks(stage)).toEqual(['br-n1', 'vm-a'])
  await inGuest(stage, 'a', 'echo "bytes that stay" > /state/note; sync')
  stage.remove('a.yaml')
  await gone('a')
  await until(
    'the network is gone',
    10,
    () => stage.objects('MicroVMNetwork'),
    (all) => all.length === 0,
  )
  await stage.settled(10)
  expect(await traces()).toEqual(before)

  const volumes = readdirSync(`${stage.state}/volumes`)
  expect(volumes).toEqual([expect.stringMatching(/^home-[0-9a-f]{8}$/)])
  const image = `${stage.state}/volumes/${volumes[0]}/data.img`
  expect(await stage.net.exec(['debugfs', '-R', 'cat /note', image])).toBe('bytes that stay\n')
  expect(await stage.objects('MicroVMState')).toMatchObject([{ metadata: { name: 'home' } }])
})

test('put back, it is another VM with the same state', async () => {
  stage.write('a.yaml', manifest)
  await stage.ready(60, 'a')
  expect(await inGuest(stage, 'a', 'cat /state/note')).toBe('bytes that stay')
  expect(readdirSync(`${stage.state}/volumes`)).toHaveLength(1)
})

test('a manifest deleted while no controller runs counts when one does', async () => {
  await stage.end()
  stage.remove('a.yaml')
  await stays('nobody stops it', 1, () => stage.pidOf('a') > 0)
  await stage.start()
  await gone('a')
  await stage.settled(10)
  expect(await ourLinks(stage)).toEqual([])
  expect(stage.vmms()).toEqual([])
})

describe('more than half of the VMs at once', () => {
  const names = ['one', 'two', 'three', 'four']
  const manifestOf = (name: string) => yaml(vm(name, name === 'one' ? {} : { runStrategy: 'Halted' }))
  const isHeld = ({ problems }: { problems: readonly { message: string }[] }) =>
    problems.some(({ message }) => /3 of 4 MicroVMs would go at once/.test(message))

  beforeAll(async () => {
    for (const name of names) stage.write(`${name}.yaml`, manifestOf(name))
    await stage.ready(60, 'one')
    await until(
      'all are there',
      10,
      () => stage.objects('MicroVM'),
      (all) => all.length === 4,
    )
  })

  const removed = names.slice(0, 3)

  test('nothing of it happens, and it is said what to do; also by the next controller', async () => {
    for (const name of removed) stage.remove(`${name}.yaml`)
    const pid = stage.pidOf('one')
    const told = await until('it is told', 10, () => stage.problems(), isHeld)
    const confirm = /`moorage delete MicroVM one three two`/
    expect(told.problems).toContainEqual(expect.objectContaining({ message: expect.stringMatching(confirm) }))
    await stays('it runs on', 3, () => stage.pidOf('one') === pid)
    await stage.end()
    await stage.start()
    await stays('it runs on', 3, () => stage.pidOf('one') === pid)
    expect((await stage.objects('MicroVM')).map(({ metadata }) => metadata.name).sort()).toEqual([...names].sort())
    expect(conditionOf(await stage.vm('one'), 'Stalled')?.message).toMatch(/put its manifest back, or confirm/)
  })

  test('put back one after the other, all are wanted again and none has stopped meanwhile', async () => {
    const pid = stage.pidOf('one')
    for (const name of removed.toReversed()) {
      stage.write(`${name}.yaml`, manifestOf(name))
      await stays('none goes', 0.5, async () => (await stage.objects('MicroVM')).length === 4)
    }
    await until(
      'nothing is held',
      10,
      () => stage.problems(),
      ({ problems }) => problems.length === 0,
    )
    expect(stage.pidOf('one')).toBe(pid)
    await stage.ready(10, 'one')
    for (const name of removed) stage.remove(`${name}.yaml`)
    await until('they are held again', 10, () => stage.problems(), isHeld)
  })

  test('what a manifest speaks of is not deleted by name', async () => {
    const refused = await stage.moorage('delete', 'MicroVM', 'four')
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(/MicroVM\/default\/four is wanted by \S+\/four.yaml: take it away there/)
  })

  test('confirmed by name, they go', async () => {
    const deleted = await stage.moorage('delete', 'MicroVM', ...removed)
    expect(deleted, deleted.stderr).toMatchObject({ code: 0 })
    for (const name of removed) await gone(name)
    expect(stage.vmms()).toEqual([])
    await until(
      'nothing is held',
      10,
      () => stage.problems(),
      ({ problems }) => problems.length === 0,
    )
  })
})

test('what was applied by command is deleted by command', async () => {
  const file = `${stage.root}/applied.yaml`
  writeFileSync(file, yaml(vm('applied')))
  expect(await stage.moorage('apply', '-f', file)).toMatchObject({
    code: 0,
    stdout: 'MicroVM default/applied created\n',
  })
  await stage.ready(60, 'applied')
  expect(await stage.moorage('delete', 'mvm', 'applied')).toMatchObject({ code: 0 })
  await gone('applied')
  expect(stage.vmms()).toEqual([])
  rmSync(file)
})
