import { describe, expect, test } from 'vitest'
import { RefusedError } from '../../src/source/objects.ts'
import { FileError } from '../../src/world/files.ts'
import { all, MANIFESTS, network, never, objectOf, STATE, Stage, secret, short, summary, uids, vm } from './stage.ts'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

describe('identity', () => {
  test('a newcomer has a random uid, generation 1 and its time of birth', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': all(network('net1'), vm('a1')) })
    const { objects } = await stage.list()
    expect(objects.map(({ key }) => key)).toEqual(['MicroVM/default/a1', 'MicroVMNetwork//net1'])
    for (const { uid, generation, createdAt } of objects) {
      expect(uid).toMatch(uuid)
      expect([generation, createdAt]).toEqual([1, stage.now])
    }
    expect(objects[0]).toMatchObject({ origin: { file: `${MANIFESTS}/a.yaml`, line: 6 }, deletion: null, newer: [] })
  })

  test('nothing is written when nothing changed, nor for a comment above', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1') })
    await stage.listAfter(5000)
    stage.files.calls.length = 0
    stage.write({ 'a.yaml': `# one more line\n${vm('a1')}` })
    const { objects } = await stage.listAfter(5000)
    expect(objects[0]?.origin).toEqual({ file: `${MANIFESTS}/a.yaml`, line: 2 })
    expect(stage.files.calls.filter(({ name }) => ['create', 'rename', 'sync'].includes(name))).toEqual([])
  })

  test('uids, generations and the last good version outlive a restart with a broken file', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1', 3), 's.yaml': secret('s1', 'one') })
    const before = await stage.list()
    stage.write({ 'a.yaml': 'kind: [\n', 's.yaml': '' })
    stage.restart()
    const after = await stage.list()
    expect(uids(after)).toEqual(uids(before))
    expect(after.objects.map(({ object }) => object)).toEqual(before.objects.map(({ object }) => object))
    expect(after.objects.map(short)).toEqual(['a1@1!', 's1@1!'])
    expect(after.objects[0]?.newer).toMatchObject([{ file: `${MANIFESTS}/a.yaml`, line: 2 }])
  })

  test('a folder with the name of a property of every object is a folder', async () => {
    const stage = new Stage()
    stage.write({ 'constructor/a.yaml': vm('a1'), '__proto__/b.yaml': vm('b1'), 'toString/c.yaml': vm('c1') })
    await stage.list()
    stage.restart()
    stage.remove('__proto__/b.yaml')
    expect(summary(await stage.listAfter(1000))).toEqual({
      objects: ['a1@1', 'b1@1†', 'c1@1'],
      problems: [],
      hold: null,
    })
  })
})

describe('deletion', () => {
  const tombstone = async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1'), 'b.yaml': vm('b1') })
    const before = await stage.list()
    stage.remove('a.yaml')
    return { stage, before, after: await stage.listAfter(1000) }
  }

  test('waits a moment, says when to look again, and is on the disk before it is told', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1'), 'b.yaml': vm('b1') })
    await stage.list()
    stage.remove('a.yaml')
    expect((await stage.list()).recheckAt).toBe(stage.now + 1000)
    expect((await stage.listAfter(999)).objects[0]?.deletion).toBeNull()
    stage.now += 1
    expect((await stage.list()).objects[0]?.deletion).toEqual({ at: stage.now })
    expect(stage.files.text(`${STATE}/index/accepted`)).toContain(`"deletion":{"at":${stage.now}`)
  })

  test('a file that an editor moves away and writes anew is no deletion', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1'), 'b.yaml': vm('b1') })
    await stage.list()
    stage.files.move(`${MANIFESTS}/a.yaml`, `${MANIFESTS}/a.yaml~`)
    await stage.listAfter(900)
    stage.write({ 'a.yaml': vm('a1', 2) })
    expect(summary(await stage.listAfter(5000)).objects).toEqual(['a1@2', 'b1@1'])
    stage.remove('a.yaml')
    expect((await stage.list()).recheckAt).toBe(stage.now + 1000)
  })

  test('begins its moment anew when there was a doubt in between', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1'), 'b.yaml': vm('b1') })
    await stage.list()
    stage.remove('a.yaml')
    await stage.listAfter(500)
    stage.write({ 'doubt.yaml': 'name: a1: b1' })
    expect(summary(await stage.listAfter(5000)).objects).toEqual(['a1@1!', 'b1@1'])
    stage.remove('doubt.yaml')
    expect(summary(await stage.listAfter(999)).objects).toEqual(['a1@1', 'b1@1'])
    expect(summary(await stage.listAfter(1)).objects).toEqual(['a1@1†', 'b1@1'])
  })

  test('is judged by the file that an object moved to', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1'), 'b.yaml': vm('b1') })
    await stage.list()
    stage.files.move(`${MANIFESTS}/a.yaml`, `${MANIFESTS}/c.yaml`)
    await stage.list()
    stage.write({ 'c.yaml': 'kind: [\n' })
    expect(summary(await stage.listAfter(5000)).objects).toEqual(['a1@1!', 'b1@1'])
  })

  test('waits no longer than its moment when the clock is set back', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1'), 'b.yaml': vm('b1') })
    await stage.list()
    stage.remove('a.yaml')
    await stage.list()
    stage.now -= 86_400_000
    expect((await stage.list()).recheckAt).toBe(stage.now + 1000)
    expect(summary(await stage.listAfter(1000)).objects).toEqual(['a1@1†', 'b1@1'])
  })

  test('the old one stays until it is finished; then its successor has a new uid', async () => {
    const { stage, before } = await tombstone()
    stage.write({ 'c.yaml': vm('a1', 4) })
    const during = await stage.list()
    expect(during.objects.map(short)).toEqual(['a1@1!†', 'b1@1'])
    expect(uids(during)).toEqual(uids(before))
    expect(during.objects[0]?.newer[0]?.message).toBe(
      'MicroVM/default/a1 is being deleted: this one follows when that is done',
    )
    await stage.source.finish('MicroVM/default/a1', uids(before).get('MicroVM/default/a1')!)
    const after = await stage.list()
    expect(after.objects.map(short)).toEqual(['a1@1', 'b1@1'])
    expect(after.objects[0]).toMatchObject({ origin: { file: `${MANIFESTS}/c.yaml` }, object: { spec: { vcpu: 4 } } })
    expect(uids(after).get('MicroVM/default/a1')).not.toBe(uids(before).get('MicroVM/default/a1'))
  })

  test('is finished only for its own uid, and only when there is a tombstone', async () => {
    const { stage, before, after } = await tombstone()
    await stage.source.finish('MicroVM/default/a1', 'another')
    await stage.source.finish('MicroVM/default/b1', uids(before).get('MicroVM/default/b1')!)
    await stage.source.finish('MicroVM/default/none', 'none')
    expect(uids(await stage.list())).toEqual(uids(after))
    for (let time = 0; time < 2; time += 1) {
      await stage.source.finish('MicroVM/default/a1', uids(before).get('MicroVM/default/a1')!)
    }
    stage.restart()
    expect(summary(await stage.list()).objects).toEqual(['b1@1'])
  })
})

describe('a link that is re-pointed', () => {
  const checkout = (stage: Stage, revision: string, files: Readonly<Record<string, string>>) => {
    stage.files.unlink(MANIFESTS)
    for (const [path, text] of Object.entries(files)) stage.files.write(`/srv/${revision}/${path}`, text)
    stage.files.link(`/srv/${revision}`, MANIFESTS)
  }
  const swapped = async () => {
    const stage = new Stage()
    checkout(stage, 'rev-1', { 'a.yaml': vm('a1'), 'sub/b.yaml': vm('b1'), 'sub/c.yaml': vm('c1') })
    await stage.listAfter(5000)
    checkout(stage, 'rev-2', { 'a.yaml': vm('a1'), 'sub/b.yaml': vm('b1') })
    return stage
  }

  test('deletes what is gone, from its folders too, three seconds later', async () => {
    const stage = await swapped()
    const first = await stage.list()
    expect(first.hold).toMatch(/1 of its objects is not in it and kept: they go when it was unchanged for a moment/)
    expect(first.recheckAt).toBe(stage.now + 2000)
    const trusted = await stage.listAfter(1999, 1)
    expect([trusted.hold, trusted.recheckAt]).toEqual([null, stage.now + 1000])
    expect((await stage.listAfter(1000)).objects.map(short)).toEqual(['a1@1', 'b1@1', 'c1@1†'])
  })

  test('waits no longer than its moment when the clock is set back', async () => {
    const stage = await swapped()
    await stage.list()
    stage.now -= 4000
    expect((await stage.list()).recheckAt).toBe(stage.now + 2000)
    expect((await stage.listAfter(2000)).hold).toBeNull()
  })

  test('has no witness in what came with it, though the clock was set back', async () => {
    const stage = await swapped()
    checkout(stage, 'rev-9', { 'z.yaml': vm('z1') })
    await stage.list()
    stage.now -= 3000
    stage.write({ 'z2.yaml': vm('z2') })
    expect((await stage.listAfter(1, 2000, 2000)).hold).toMatch(/3 of its objects are not in it and kept: put/)
  })

  test('is trusted with its folders, though one of them has nothing of before in it', async () => {
    const stage = await swapped()
    checkout(stage, 'rev-3', { 'a.yaml': vm('a1'), 'sub/z.yaml': vm('z1') })
    const view = await stage.listAfter(2000, 1000)
    expect(view.objects.map(short)).toEqual(['a1@1', 'b1@1†', 'c1@1†', 'z1@1'])
  })

  test('is not trusted before, nor while its tree still changes', async () => {
    const stage = await swapped()
    expect((await stage.listAfter(1999)).hold).toMatch(/unchanged for a moment/)
    stage.write({ 'sub/d.yaml': vm('d1') })
    expect((await stage.listAfter(1, 1998)).hold).toMatch(/unchanged for a moment/)
    expect((await stage.listAfter(1)).hold).toBeNull()
  })

  test('is not trusted for a folder that was a mount of its own', async () => {
    const stage = new Stage()
    stage.files.mount('/srv/rev-1/sub', 7)
    checkout(stage, 'rev-1', { 'a.yaml': vm('a1'), 'sub/b.yaml': vm('b1'), 'sub/c.yaml': vm('c1') })
    await stage.listAfter(5000)
    checkout(stage, 'rev-2', { 'a.yaml': vm('a1'), 'sub/b.yaml': vm('b1') })
    const view = await stage.listAfter(2000, 2000, 2000)
    expect(view.objects.map(short)).toEqual(['a1@1', 'b1@1', 'c1@1!'])
    expect(view.problems[0]?.message).toMatch(
      /^the directory was replaced; 1 of its objects is not in it and kept: put/,
    )
  })
})

describe('machine-made objects', () => {
  test('are told beside those of manifests, keep their uid over updates and restarts, and go by their name', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1') })
    const [made] = await stage.source.put([objectOf(vm('m1'))], never)
    expect(made).toMatchObject({ key: 'MicroVM/default/m1', generation: 1, origin: { machine: true } })
    await stage.source.put([objectOf(vm('m1', 2)), objectOf(secret('s1', 'x'))], never)
    stage.restart()
    const view = await stage.list()
    expect(view.objects.map(short)).toEqual(['a1@1', 'm1@2', 's1@1'])
    expect(uids(view).get('MicroVM/default/m1')).toBe(made?.uid)
    expect(await stage.source.delete(['MicroVM/default/m1'], never)).toEqual([])
    expect((await stage.list()).objects.map(short)).toEqual(['a1@1', 'm1@2†', 's1@1'])
    await expect(stage.source.put([objectOf(vm('m1', 3))], never)).rejects.toThrow(/is being deleted: apply it again/)
    await stage.source.finish('MicroVM/default/m1', made!.uid)
    expect((await stage.list()).objects.map(short)).toEqual(['a1@1', 's1@1'])
  })

  test('the same object put again writes nothing', async () => {
    const stage = new Stage()
    await stage.source.put([objectOf(vm('m1'))], never)
    stage.files.calls.length = 0
    await stage.source.put([objectOf(vm('m1'))], never)
    expect(stage.files.calls).toEqual([])
  })

  test('one key in two sources is refused, naming the other, whoever was first', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1') })
    await stage.list()
    const refused = stage.source.put([objectOf(vm('m1')), objectOf(vm('a1', 2))], never)
    await expect(refused).rejects.toThrow(RefusedError)
    await expect(refused).rejects.toThrow(`MicroVM/default/a1 comes from ${MANIFESTS}/a.yaml:1: change it there`)
    // All or nothing.
    expect((await stage.list()).objects.map(short)).toEqual(['a1@1'])
    await stage.source.put([objectOf(vm('m1'))], never)
    stage.write({ 'm.yaml': all(vm('b1'), vm('m1', 7)) })
    expect(summary(await stage.list())).toEqual({
      objects: ['a1@1', 'b1@1', 'm1@1'],
      problems: [
        'm.yaml:6 MicroVM/default/m1 is a machine-made object (`moorage apply`) as well: take one of the two away',
      ],
      hold: null,
    })
    await stage.source.delete(['MicroVM/default/m1'], never)
    const { objects } = await stage.list()
    await stage.source.finish('MicroVM/default/m1', objects.find(({ ref }) => ref.name === 'm1')!.uid)
    expect(summary(await stage.list())).toMatchObject({ objects: ['a1@1', 'b1@1', 'm1@1'], problems: [] })
  })

  test('are deleted by no absence of manifests', async () => {
    const stage = new Stage()
    await stage.source.put([objectOf(vm('m1'))], never)
    stage.files.unlink(MANIFESTS)
    expect(summary(await stage.listAfter(5000)).objects).toEqual(['m1@1'])
  })
})

describe('by name', () => {
  const key = (name: string) => `MicroVM/default/${name}`

  test('what is held goes; what a manifest speaks of is refused; what is unknown is told', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1'), 'b.yaml': vm('b1'), 'c.yaml': vm('c1') })
    await stage.list()
    stage.files.unlink(MANIFESTS)
    stage.write({ 'c.yaml': vm('c1') })
    expect((await stage.listAfter(5000)).hold).toMatch(/was replaced; 2 of its objects are not in it/)
    const refusals = await stage.source.delete([key('a1'), key('c1'), key('z1')], never)
    expect(refusals).toEqual([
      { key: key('c1'), message: `${key('c1')} is wanted by ${MANIFESTS}/c.yaml: take it away there` },
      { key: key('z1'), message: `there is no ${key('z1')}` },
    ])
    expect(summary(await stage.list()).objects).toEqual(['a1@1†', 'b1@1', 'c1@1'])
    // Nothing else is at stake once the last one is confirmed.
    expect(await stage.source.confirm([key('b1')], never)).toEqual([])
    expect(summary(await stage.list())).toMatchObject({ objects: ['a1@1†', 'b1@1†', 'c1@1'], hold: null })
  })

  test('works while the directory is missing', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1'), 'b.yaml': vm('b1') })
    await stage.list()
    stage.files.unlink(MANIFESTS)
    expect(await stage.source.confirm([key('a1')], never)).toEqual([])
    expect(summary(await stage.list()).objects).toEqual(['a1@1†', 'b1@1'])
  })

  test('is refused while its own manifest is there and cannot be understood', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1'), 'b.yaml': vm('b1') })
    await stage.list()
    stage.write({ 'a.yaml': '' })
    expect(await stage.source.confirm([key('a1')], never)).toHaveLength(1)
    expect(summary(await stage.list()).objects).toEqual(['a1@1!', 'b1@1'])
  })

  test('machine-made objects are not confirmed but deleted', async () => {
    const stage = new Stage()
    await stage.source.put([objectOf(vm('m1'))], never)
    expect(await stage.source.confirm([key('m1')], never)).toHaveLength(1)
    expect((await stage.list()).objects.map(short)).toEqual(['m1@1'])
  })
})

describe('a failing disk', () => {
  const failing = (stage: Stage, code: string, names: readonly string[]) => {
    stage.files.hook = ({ name, path, phase }) => {
      if (phase === 'before' && path.startsWith(STATE) && names.includes(name))
        throw new FileError(code, path, `${code}: ${path}`)
    }
  }

  test('that cannot be written leaves what was accepted, and says so', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1') })
    await stage.list()
    stage.write({ 'a.yaml': vm('a1', 2), 'b.yaml': vm('b1') })
    failing(stage, 'ENOSPC', ['create'])
    const view = await stage.list()
    expect(view.objects.map(short)).toEqual(['a1@1'])
    expect(view.objects[0]?.object).toMatchObject({ spec: { vcpu: 1 } })
    expect(view.problems[0]?.message).toMatch(/^nothing newer is accepted, since it cannot be written down: ENOSPC/)
    expect(view.recheckAt).toBe(stage.now + 5000)
    await expect(stage.source.put([objectOf(vm('m1'))], never)).rejects.toThrow(/ENOSPC/)
    stage.files.hook = () => {}
    expect(summary(await stage.list())).toEqual({ objects: ['a1@2', 'b1@1'], problems: [], hold: null })
  })

  test('that may have taken a write or not is asked which', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1') })
    await stage.list()
    stage.write({ 'a.yaml': vm('a1', 2) })
    // The index was renamed into place; only the directory was not synced.
    failing(stage, 'EIO', ['sync'])
    expect((await stage.list()).objects.map(short)).toEqual(['a1@1'])
    stage.files.hook = () => {}
    stage.write({ 'a.yaml': vm('a1') })
    const told = summary(await stage.list())
    stage.restart()
    expect(summary(await stage.list())).toEqual(told)
  })

  test('that cannot be read holds everything', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1') })
    await stage.list()
    stage.restart()
    failing(stage, 'EIO', ['read'])
    const blind = await stage.list()
    expect(blind.objects).toEqual([])
    expect(blind.hold).toMatch(/^what was accepted before cannot be read: EIO/)
    stage.files.hook = () => {}
    expect(summary(await stage.list())).toEqual({ objects: ['a1@1'], problems: [], hold: null })
  })
})

describe('calls', () => {
  test('an abort rejects with its reason and leaves the source usable', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1') })
    await expect(stage.source.list(AbortSignal.abort('enough'))).rejects.toBe('enough')
    const controller = new AbortController()
    stage.files.hook = ({ name }) => name === 'readFollowing' && controller.abort('later')
    await expect(stage.source.list(controller.signal)).rejects.toBe('later')
    stage.files.hook = () => {}
    expect(summary(await stage.list()).objects).toEqual(['a1@1'])
  })

  test('follow one another: two at once accept a newcomer once', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1') })
    const [one, two] = await Promise.all([stage.list(), stage.list()])
    expect(uids(one)).toEqual(uids(two))
  })
})
