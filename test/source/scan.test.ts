import { describe, expect, test } from 'vitest'
import { type ScanLimits, scanLimits } from '../../src/source/limits.ts'
import { all, MANIFESTS, network, Stage, summary, vm } from './stage.ts'

const reads = (stage: Stage) => stage.files.calls.filter(({ name }) => name === 'readFollowing').map(({ path }) => path)

describe('what nobody touched', () => {
  test('is not read again once it is old enough', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1'), 'sub/b.yaml': vm('b1') })
    await stage.listAfter(2000)
    stage.files.calls.length = 0
    await stage.listAfter(1)
    expect(reads(stage)).toEqual([])
    // One look at the way to the directory before and after, and one at each directory and file.
    expect(stage.files.calls.length).toBeLessThanOrEqual(2 * 14)
  })

  test('is read again while it is young: a second edit may not move its time', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1', 1) })
    await stage.list()
    stage.write({ 'a.yaml': vm('a1', 2) })
    expect(summary(await stage.list()).objects).toEqual(['a1@2'])
  })

  test('an old file that is replaced by one of the same size and time is read', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1', 1) })
    const { now } = stage
    await stage.listAfter(5000, 5000)
    stage.files.replace(`${MANIFESTS}/a.yaml`, vm('a1', 2))
    stage.files.touch(`${MANIFESTS}/a.yaml`, now)
    expect(summary(await stage.list()).objects).toEqual(['a1@2'])
  })
})

describe('what moves while it is read', () => {
  test('a file keeps its last good objects and is looked at again soon', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1', 1) })
    await stage.listAfter(5000)
    stage.write({ 'a.yaml': vm('a1', 2) })
    stage.files.hook = ({ name, phase }) => {
      if (name === 'readFollowing' && phase === 'after') stage.write({ 'a.yaml': `${vm('a1', 3)}# more\n` })
    }
    const view = await stage.list()
    expect(summary(view)).toEqual({
      objects: ['a1@1!'],
      problems: ['a.yaml:0 the file changed while it was read'],
      hold: null,
    })
    expect(view.recheckAt).toBe(stage.now + 250)
    stage.files.hook = () => {}
    expect(summary(await stage.list())).toEqual({ objects: ['a1@2'], problems: [], hold: null })
  })

  test('a file that vanishes between the look and the read is kept in this scan', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1', 1), 'b.yaml': vm('b1') })
    await stage.list()
    stage.files.hook = ({ name, path, phase }) => {
      if (name === 'list' && phase === 'after' && path === MANIFESTS) stage.remove('a.yaml')
    }
    expect(summary(await stage.list()).problems).toEqual(['a.yaml:0 the file vanished while it was read'])
    stage.files.hook = () => {}
    expect(summary(await stage.listAfter(999)).objects).toEqual(['a1@1', 'b1@1'])
  })

  test('a directory that is replaced in the middle says nothing of what is absent', async () => {
    const stage = new Stage()
    stage.files.unlink(MANIFESTS)
    stage.files.write('/srv/rev-1/a.yaml', vm('a1'))
    stage.files.write('/srv/rev-1/b.yaml', vm('b1'))
    stage.files.write('/srv/rev-2/a.yaml', vm('a1', 2))
    stage.files.link('/srv/rev-1', MANIFESTS)
    await stage.list()
    stage.files.hook = ({ name, phase }) => {
      if (name !== 'list' || phase !== 'after') return
      stage.files.link('/srv/rev-2', MANIFESTS)
      stage.files.unlink('/srv/rev-1')
    }
    const view = await stage.list()
    expect(view.hold).toMatch(/was replaced while it was read/)
    expect(view.objects.every(({ deletion }) => deletion === null)).toBe(true)
    expect(view.recheckAt).toBe(stage.now + 250)
  })
})

describe('a manifest that comes in pieces', () => {
  const whole = vm('a1', 2).replace(
    /spec: .*\n/,
    'spec:\n  vcpu: 2\n  memory: 128Mi\n  image: { name: debian }\n  oemStrings: [x]\n',
  )

  test('counts for nothing while its last line has no end, though it is good', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': whole })
    await stage.listAfter(5000)
    stage.write({ 'a.yaml': whole.slice(0, whole.indexOf('\n  oemStrings')) })
    const view = await stage.list()
    expect(summary(view)).toEqual({
      objects: ['a1@1!'],
      problems: ['a.yaml:0 the file seems to be half written'],
      hold: null,
    })
    expect(view.recheckAt).toBe(stage.now + 250)
    stage.write({ 'a.yaml': whole })
    expect(summary(await stage.list())).toEqual({ objects: ['a1@1'], problems: [], hold: null })
  })

  test('is taken as it is when nobody goes on with it, when it is JSON, or from the future', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': whole.trimEnd(), 'b.yaml': '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"b1"}}' })
    stage.write({ 'c.yaml': vm('c1').trimEnd() })
    stage.files.touch(`${MANIFESTS}/c.yaml`, stage.now + 60_000)
    expect(summary(await stage.list()).objects).toEqual(['c1@1', 'b1@1'])
    expect(summary(await stage.listAfter(250))).toEqual({ objects: ['a1@1', 'c1@1', 'b1@1'], problems: [], hold: null })
  })
})

describe('bounds', () => {
  const small = (limits: Partial<ScanLimits>) => new Stage({ ...scanLimits, ...limits })
  const files = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}.yaml`, network(`v${index}`)]))

  test.each<[string, Partial<ScanLimits>, RegExp]>([
    ['manifests', { files: 3 }, /holds more than 3 manifests/],
    ['objects', { documents: 3 }, /holds more than 3 objects/],
    ['bytes', { totalBytes: 500 }, /holds more than 500 bytes of manifests/],
    ['entries of a directory', { entries: 3 }, /holds too many entries/],
    ['directories', { directories: 1 }, /holds more than 1 directories/],
  ])('past the limit of %s nothing is taken as deleted', async (_, limits, hold) => {
    const stage = small(limits)
    stage.write(files(3))
    expect((await stage.list()).hold).toBeNull()
    stage.remove('f0.yaml')
    stage.write({ 'f3.yaml': network('v3'), 'f4.yaml': network('v4'), 'sub/f5.yaml': network('v5') })
    const view = await stage.listAfter(5000)
    expect(view.hold).toMatch(hold)
    expect(view.objects.find(({ ref }) => ref.name === 'v0')?.deletion).toBeNull()
    stage.remove('f3.yaml', 'f4.yaml', 'sub')
    expect(summary(await stage.listAfter(1000)).objects).toContain('v0@1†')
  })

  test('past a thousand problems the rest are counted', async () => {
    const stage = new Stage()
    const bad = `${'kind: MicroVM\n---\n'.repeat(999)}kind: MicroVM\n`
    stage.write({ 'a.yaml': bad, 'b.yaml': bad })
    const { problems } = await stage.listAfter(5000)
    expect(problems).toHaveLength(1001)
    expect(problems[1000]).toMatchObject({
      file: MANIFESTS,
      message: '1000 more problems are not shown: mend these first',
    })
  })

  test('a name of any length in a bad object is told in a bounded sentence, and is nobody', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': all(vm('x'.repeat(100_000)), vm(`"${'y/'.repeat(1000)}"`)) })
    const { problems } = await stage.listAfter(5000)
    expect(problems.map(({ key }) => key)).toEqual([null, null])
    for (const { message } of problems) expect(message.length).toBeLessThan(500)
  })

  test('a folder too deep is told and keeps what it had', async () => {
    const stage = small({ depth: 2 })
    stage.write({ 'one/two/a.yaml': vm('a1') })
    await stage.list()
    stage.write({ 'one/two/three/b.yaml': vm('b1') })
    expect(summary(await stage.listAfter(5000))).toEqual({
      objects: ['a1@1'],
      problems: ['one/two/three:0 the directory lies more than 2 directories deep: move it up'],
      hold: null,
    })
  })

  test('a chain of links that never ends is given up', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1') })
    await stage.list()
    stage.files.unlink(MANIFESTS)
    stage.files.link(MANIFESTS, MANIFESTS)
    const view = await stage.listAfter(5000)
    expect(view.hold).toMatch(/^\/etc\/moorage\/manifests is not there/)
    expect(view.objects).toHaveLength(1)
  })
})
