import { cpSync, mkdirSync, readdirSync, realpathSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openStage, type Stage } from './stage.ts'
import { tellWhenFailed } from './stage-examine.ts'
import { needsStage } from './stage-guest.ts'
import { image, vm, yaml } from './stage-manifests.ts'
import { stays, until } from './stage-until.ts'

/** Two running VMs, each in a manifest of its own, and a directory to which things happen. */
let stage: Stage
let pids: readonly number[]

const names = ['a', 'b']
const files = { 'image.yaml': yaml(image('small')), 'a.yaml': yaml(vm('a')), 'b.yaml': yaml(vm('b')) }

const seen = () => names.map((name) => stage.pidOf(name))

function fill(folder: string, leaveOut = ''): void {
  mkdirSync(folder, { recursive: true })
  cpSync(realpathSync(stage.manifests), folder, {
    recursive: true,
    filter: (path) => !leaveOut || !path.endsWith(leaveOut),
  })
}

/** `prepare` may put something else in the place of the directory before the controller starts. */
async function begin(prepare: () => void | Promise<void> = () => {}): Promise<void> {
  stage = await openStage()
  for (const [name, text] of Object.entries(files)) stage.write(name, text)
  await prepare()
  await stage.start()
  await stage.ready(60, ...names)
  pids = seen()
}

beforeEach(needsStage as never)

afterEach(async (context) => {
  await tellWhenFailed(context as never, stage)
  await stage?.close()
})

/** Longer than anything has to last before it counts as a deletion. */
const while_ = 4

/** Nothing stops, why is told, also by the next controller; `restore` makes all as it was. */
async function expectHold(words: RegExp, restore: () => void | Promise<void>): Promise<void> {
  const holds = () => stage.problems()
  const isHeld = ({ hold }: { hold: string | null }) => words.test(hold ?? '')
  await until(`it is told: ${words}`, 10, holds, isHeld)
  await stays('both run on', while_, () => `${seen()}` === `${pids}`)
  const plan = await stage.moorage('plan')
  expect(plan.stderr).toMatch(words)
  expect(plan.code, plan.stdout).toBe(0)
  await stage.end('SIGKILL')
  await stage.start()
  await until(`it is told: ${words}`, 10, holds, isHeld)
  await stays('both run on', while_, () => `${seen()}` === `${pids}`)
  await restore()
  await until('nothing is held', 15, holds, ({ hold }) => hold === null)
  await stage.ready(10, ...names)
  expect(seen()).toEqual(pids)
}

/** A deletion that is meant counts again. */
async function expectDeletion(remove: () => void): Promise<void> {
  remove()
  await until(
    'b is gone',
    30,
    () => stage.vm('b'),
    (one) => one === undefined,
  )
  expect(seen()).toEqual([pids[0], 0])
}

describe('the directory', () => {
  test('unmounted, and mounted again', async () => {
    const source = () => `${stage.root}/source`
    const mount = () => stage.net.exec(['mount', '--bind', source(), stage.manifests])
    await begin(async () => {
      fill(source())
      for (const name of readdirSync(stage.manifests)) rmSync(`${stage.manifests}/${name}`)
      await mount()
    })
    await stage.net.exec(['umount', stage.manifests])
    await expectHold(/holds none any more|was replaced/, async () => void (await mount()))
    await expectDeletion(() => rmSync(`${source()}/b.yaml`))
  })

  test('emptied', async () => {
    await begin()
    const away = `${stage.root}/away`
    fill(away)
    for (const name of readdirSync(stage.manifests)) rmSync(`${stage.manifests}/${name}`)
    await expectHold(/held 3 manifests and holds none any more/, () =>
      cpSync(away, stage.manifests, { recursive: true }),
    )
  })

  test('moved away, and put back', async () => {
    await begin()
    const away = `${stage.root}/away`
    renameSync(stage.manifests, away)
    await expectHold(/is not there/, () => renameSync(away, stage.manifests))
    await expectDeletion(() => stage.remove('b.yaml'))
  })

  test('replaced by another one that holds only a part', async () => {
    await begin()
    const [away, fresh] = [`${stage.root}/away`, `${stage.root}/fresh`]
    fill(fresh, 'b.yaml')
    renameSync(stage.manifests, away)
    renameSync(fresh, stage.manifests)
    await expectHold(/the directory was replaced; 1 of its objects is not in it and kept/, () =>
      cpSync(`${away}/b.yaml`, `${stage.manifests}/b.yaml`),
    )
    await expectDeletion(() => stage.remove('b.yaml'))
  })

  test('a link that is pointed at the next checkout, where one manifest less is: that is meant', async () => {
    const [first, second] = ['rev-1', 'rev-2']
    await begin(() => {
      fill(`${stage.root}/${first}`)
      rmSync(stage.manifests, { recursive: true })
      symlinkSync(`${stage.root}/${first}`, stage.manifests)
    })
    fill(`${stage.root}/${second}`, 'b.yaml')
    await expectDeletion(() => {
      symlinkSync(`${stage.root}/${second}`, `${stage.manifests}.new`)
      renameSync(`${stage.manifests}.new`, stage.manifests)
    })
  })
})
