import { describe, expect, test } from 'vitest'
import { network, never, Stage, summary, vm } from './stage.ts'

const names = ['v1', 'v2', 'v3', 'v4', 'v5', 'v6']
const file = (name: string) => `${name}.yaml`

async function six(): Promise<Stage> {
  const stage = new Stage()
  stage.write({ 'net.yaml': network('net1'), ...Object.fromEntries(names.map((name) => [file(name), vm(name)])) })
  await stage.list()
  return stage
}

const confirm = (stage: Stage, ...keys: string[]) => stage.source.confirm(keys, never)
const vms = (...all: string[]) => all.map((name) => `MicroVM/default/${name}`)

describe('more than half of at least four MicroVMs at once', () => {
  test('wait, over a restart too, and go one by one as they are confirmed', async () => {
    const stage = await six()
    stage.remove(...names.slice(0, 4).map(file), 'net.yaml')
    expect(summary(await stage.listAfter(1000, 600_000)).objects).toEqual([
      'v1@1!',
      'v2@1!',
      'v3@1!',
      'v4@1!',
      'v5@1',
      'v6@1',
      'net1@1!',
    ])
    stage.restart()
    expect(await confirm(stage, ...vms('v1', 'v2'))).toEqual([])
    // Two of four are no longer more than half, but nobody asked for those.
    const view = await stage.listAfter(1000, 600_000)
    expect(summary(view).objects).toEqual(['v1@1†', 'v2@1†', 'v3@1!', 'v4@1!', 'v5@1', 'v6@1', 'net1@1!'])
    expect(view.problems[0]?.message).toMatch(
      /^2 of the MicroVMs that would have gone at once are kept: .*`moorage delete MicroVM v3 v4`$/,
    )
    await confirm(stage, ...vms('v3', 'v4'))
    // What went with them follows.
    expect(summary(await stage.listAfter(1000)).objects).toEqual([
      'v1@1†',
      'v2@1†',
      'v3@1†',
      'v4@1†',
      'v5@1',
      'v6@1',
      'net1@1†',
    ])
  })

  test('files that come back one by one take nothing with them', async () => {
    const stage = await six()
    stage.remove(...names.slice(0, 4).map(file), 'net.yaml')
    await stage.listAfter(1000, 1000)
    stage.write(Object.fromEntries(['v1', 'v2', 'v3'].map((name) => [file(name), vm(name)])))
    const view = await stage.listAfter(1000, 60_000)
    expect(summary(view).objects).toEqual(['v1@1', 'v2@1', 'v3@1', 'v4@1!', 'v5@1', 'v6@1', 'net1@1!'])
    expect(view.problems[0]?.message).toMatch(/^1 of the MicroVMs .* is kept: .*`moorage delete MicroVM v4`$/)
    stage.write({ [file('v4')]: vm('v4') })
    // The network's manifest may be the next that is put back.
    expect(summary(await stage.listAfter(500)).objects).toContain('net1@1')
    stage.write({ 'net.yaml': network('net1') })
    expect(summary(await stage.listAfter(5000))).toMatchObject({
      objects: ['v1@1', 'v2@1', 'v3@1', 'v4@1', 'v5@1', 'v6@1', 'net1@1'],
      problems: [],
    })
  })

  test('what went with them goes a moment after they came back', async () => {
    const stage = await six()
    stage.remove(...names.slice(0, 4).map(file), 'net.yaml')
    await stage.listAfter(1000, 1000)
    stage.write(Object.fromEntries(names.map((name) => [file(name), vm(name)])))
    expect(summary(await stage.listAfter(500)).objects).toContain('net1@1')
    expect(summary(await stage.listAfter(1000)).objects).toContain('net1@1†')
  })

  test('files that are absent for less than a moment leave nothing held', async () => {
    const stage = await six()
    stage.remove(...names.slice(0, 5).map(file))
    await stage.listAfter(500)
    stage.write(Object.fromEntries(names.slice(0, 4).map((name) => [file(name), vm(name)])))
    const { objects } = summary(await stage.listAfter(500, 500))
    expect(objects).toEqual(['v1@1', 'v2@1', 'v3@1', 'v4@1', 'v5@1†', 'v6@1', 'net1@1'])
  })

  test('files that go in quick succession count as going at once', async () => {
    const stage = await six()
    for (const name of names.slice(0, 5)) {
      stage.remove(file(name))
      await stage.listAfter(500)
    }
    // Three of six are half; the rest would be more.
    expect(summary(await stage.listAfter(5000)).objects).toEqual([
      'v1@1†',
      'v2@1†',
      'v3@1!',
      'v4@1!',
      'v5@1!',
      'v6@1',
      'net1@1',
    ])
  })

  test('files that go now and then are deletions', async () => {
    const stage = await six()
    for (const name of names.slice(0, 5)) {
      stage.remove(file(name))
      await stage.listAfter(1000, 60_000)
    }
    expect(summary(await stage.list()).objects).toEqual(['v1@1†', 'v2@1†', 'v3@1†', 'v4@1†', 'v5@1†', 'v6@1', 'net1@1'])
  })

  test('what was asked for by name counts no more', async () => {
    const stage = await six()
    stage.remove(...names.slice(0, 4).map(file))
    await stage.listAfter(1000)
    await confirm(stage, ...vms('v1', 'v2', 'v3', 'v4'))
    stage.remove('v5.yaml')
    const { objects } = summary(await stage.listAfter(1000))
    expect(objects).toEqual(['v1@1†', 'v2@1†', 'v3@1†', 'v4@1†', 'v5@1†', 'v6@1', 'net1@1'])
  })

  test('what is held stays held though it is kept for another reason meanwhile', async () => {
    const stage = await six()
    stage.remove(...names.slice(0, 4).map(file))
    await stage.listAfter(1000)
    await confirm(stage, ...vms('v1', 'v2'))
    stage.write({ 'broken.yaml': 'name: v3: v4\n' })
    expect((await stage.list()).objects.find(({ ref }) => ref.name === 'v3')?.newer.length).toBeGreaterThan(1)
    stage.remove('broken.yaml')
    const { objects } = summary(await stage.listAfter(1000, 1000))
    expect(objects).toEqual(['v1@1†', 'v2@1†', 'v3@1!', 'v4@1!', 'v5@1', 'v6@1', 'net1@1'])
  })

  test('the command names the namespace', async () => {
    const stage = new Stage()
    const other = (name: string) => vm(name).replace(`name: ${name}`, `name: ${name}, namespace: lab`)
    stage.write({ 'keep.yaml': network('net1'), ...Object.fromEntries(names.map((name) => [file(name), other(name)])) })
    await stage.list()
    stage.remove(...names.map(file))
    const { problems } = await stage.listAfter(1000)
    expect(problems[0]?.message).toMatch(/confirm with `moorage delete MicroVM v1 v2 v3 v4 v5 v6 -n lab`$/)
  })
})
