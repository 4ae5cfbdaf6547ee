import { describe, expect, test } from 'vitest'
import { emptyIndex } from '../../src/source/index.ts'
import { checked, decodeIndex, encodeIndex } from '../../src/source/index-text.ts'
import { all, MANIFESTS, network, never, objectOf, STATE, Stage, secret, short, summary, uids, vm } from './stage.ts'

const INDEX = `${STATE}/index/accepted`
const a1 = 'MicroVM/default/a1'

/** A stage with an index of three objects; `damage` changes its lines. */
async function damaged(damage: (lines: string[]) => readonly string[]) {
  const stage = new Stage()
  stage.write({ 'a.yaml': vm('a1'), 'b.yaml': vm('b1'), 's.yaml': secret('s1', 'one') })
  const before = await stage.listAfter(1000)
  stage.restart()
  stage.files.write(INDEX, damage(stage.files.text(INDEX)!.split('\n')).join('\n'), 0o600)
  return { stage, before }
}

describe('a damaged index', () => {
  test('costs the damaged record only; its uid is asked from the host', async () => {
    const { stage, before } = await damaged((lines) =>
      lines.map((line) => (line.includes(a1) ? line.replace('"vcpu":1', '"vcpu":7') : line)),
    )
    stage.recovered.set(a1, uids(before).get(a1)!)
    stage.recovered.set('MicroVM/default/b1', 'never asked')
    const after = await stage.list()
    expect(uids(after)).toEqual(uids(before))
    expect(after.objects[0]?.object).toMatchObject({ spec: { vcpu: 1 } })
    expect(stage.files.text(`${INDEX}.damaged`)).toContain('"vcpu":7')
    stage.restart()
    expect(summary(await stage.list())).toEqual({ objects: ['a1@1', 'b1@1', 's1@1'], problems: [], hold: null })
  })

  test('is told, and holds what no record knows, until every manifest was understood', async () => {
    const { stage, before } = await damaged((lines) => lines.filter((line) => !line.includes(a1)))
    stage.write({ 'a.yaml': 'kind: [' })
    const view = await stage.list()
    expect(view.objects.map(short)).toEqual(['b1@1', 's1@1'])
    expect(view.problems[0]).toMatchObject({ file: INDEX, line: 0 })
    expect(view.problems[0]?.message).toMatch(/^is damaged: /)
    expect(view.hold).toMatch(/^not every manifest in .* can be understood/)
    stage.recovered.set(a1, uids(before).get(a1)!)
    stage.restart()
    stage.write({ 'a.yaml': vm('a1') })
    const after = await stage.list()
    expect(uids(after)).toEqual(uids(before))
    expect(after.hold).toBeNull()
  })

  test('holds what no record knows while a folder cannot be read', async () => {
    const { stage } = await damaged((lines) => lines.filter((line) => !line.includes(a1)))
    stage.files.folder(`${MANIFESTS}/sub`)
    stage.files.move(`${MANIFESTS}/a.yaml`, `${MANIFESTS}/sub/a.yaml`)
    stage.files.deny(`${MANIFESTS}/sub`)
    expect((await stage.list()).hold).toMatch(/^not every manifest in .* can be understood/)
  })

  test('without its head forgets what directories it trusted: nothing goes until all is there', async () => {
    const { stage } = await damaged(([, ...rest]) => ['rubbish', ...rest])
    stage.remove('a.yaml')
    const view = await stage.listAfter(5000, 5000, 5000)
    expect(summary(view).objects).toEqual(['a1@1', 'b1@1', 's1@1'])
    expect(view.hold).toMatch(/was replaced; 1 of its objects is not in it and kept/)
    stage.write({ 'a.yaml': vm('a1') })
    expect((await stage.list()).hold).toBeNull()
    stage.remove('a.yaml')
    expect(summary(await stage.listAfter(1000)).objects).toEqual(['a1@1†', 'b1@1', 's1@1'])
  })

  test.each([
    ['cut in the middle', (lines: string[]) => [lines.join('\n').slice(0, -400)]],
    ['all zeros', (lines: string[]) => ['\0'.repeat(lines.join('\n').length)]],
    ['empty', () => []],
  ])('%s is recovered from the manifests and the host', async (_, damage) => {
    const { stage, before } = await damaged(damage)
    for (const [key, uid] of uids(before)) stage.recovered.set(key, uid)
    expect(uids(await stage.list())).toEqual(uids(before))
  })

  test('of a newer Moorage is left alone and holds everything', async () => {
    const { stage } = await damaged((lines) => lines)
    const newer = encodeIndex(emptyIndex()).replace('"version":1', '"version":2')
    stage.files.write(INDEX, `${checked(newer.slice(17).trim())}\n`)
    const view = await stage.list()
    expect(view).toMatchObject({ objects: [], recheckAt: stage.now + 5000 })
    expect(view.hold).toMatch(/was written by a newer Moorage/)
    expect(stage.files.text(INDEX)).toContain('"version":2')
  })
})

describe('an index that is gone', () => {
  test('is made anew with the uids that the host knows', async () => {
    const stage = new Stage()
    stage.recovered.set(a1, '11111111-1111-4111-8111-111111111111')
    stage.write({ 'a.yaml': vm('a1'), 'b.yaml': vm('b1') })
    expect(uids(await stage.list()).get(a1)).toBe('11111111-1111-4111-8111-111111111111')
  })

  test('gives no uid twice', async () => {
    const stage = new Stage()
    const uid = '11111111-1111-4111-8111-111111111111'
    for (const name of ['a1', 'b1']) stage.recovered.set(`MicroVM/default/${name}`, uid)
    stage.write({ 'a.yaml': all(vm('a1'), vm('b1')) })
    const given = [...uids(await stage.list()).values()]
    expect(given[0]).toBe(uid)
    expect(given[1]).not.toBe(uid)
  })

  test('does not ask the host for what was deleted properly since', async () => {
    const stage = new Stage()
    const key = 'MicroVM/default/m1'
    const old = '11111111-1111-4111-8111-111111111111'
    stage.recovered.set(key, old)
    const [made] = await stage.source.put([objectOf(vm('m1'))], never)
    expect(made?.uid).toBe(old)
    await stage.source.delete([key], never)
    await stage.source.finish(key, old)
    stage.restart()
    const [again] = await stage.source.put([objectOf(vm('m1'))], never)
    expect(again?.uid).not.toBe(old)
  })

  test('is not mourned once every manifest was understood: a new object is new', async () => {
    const stage = new Stage()
    stage.write({ 'net.yaml': network('net1') })
    await stage.list()
    stage.recovered.set(a1, '11111111-1111-4111-8111-111111111111')
    stage.write({ 'a.yaml': vm('a1') })
    expect(uids(await stage.list()).get(a1)).not.toBe('11111111-1111-4111-8111-111111111111')
  })

  test('what runs is never given another uid, whatever was understood since', async () => {
    const stage = new Stage()
    stage.write({ 'net.yaml': network('net1') })
    await stage.list()
    stage.running.set(a1, '11111111-1111-4111-8111-111111111111')
    stage.write({ 'a.yaml': vm('a1') })
    expect(uids(await stage.list()).get(a1)).toBe('11111111-1111-4111-8111-111111111111')
  })

  test('beside an empty directory is a hold', async () => {
    expect((await new Stage().list()).hold).toBe(`no manifest was ever seen in ${MANIFESTS}: put some there`)
  })
})

test('the text of an index is read back as it was', async () => {
  const stage = new Stage()
  stage.write({ 'sub/a.yaml': vm('a1'), 'b.yaml': vm('b1') })
  await stage.list()
  stage.remove('b.yaml')
  await stage.list()
  const text = stage.files.text(INDEX)!
  const decoded = decodeIndex(text)!
  expect(decoded.damaged).toEqual([])
  expect(decoded.index.records.get('MicroVM/default/b1')?.absence).toEqual({ since: stage.now, held: false })
  expect(encodeIndex(decoded.index)).toBe(text)
})
