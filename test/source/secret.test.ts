import { describe, expect, test } from 'vitest'
import { all, never, objectOf, STATE, Stage, secret, short, summary, vm } from './stage.ts'

const canary = 'canary-7f3e'
const inBase64 = Buffer.from(canary).toString('base64')

/** Files below the state directory that hold the canary. */
function holders(stage: Stage) {
  return stage.files.everything(STATE).filter(({ text }) => text.includes(canary) || text.includes(inBase64))
}

describe('the values of Secrets', () => {
  test('rest in files 0400 in folders 0700 and nowhere else', async () => {
    const stage = new Stage()
    stage.write({ 's.yaml': all(vm('a1'), secret('s1', canary)) })
    await stage.source.put([objectOf(secret('s2', canary))], never)
    await stage.list()
    expect(holders(stage).map(({ path, mode }) => [path.split('/').slice(0, -1).join('/'), mode])).toEqual([
      [`${STATE}/secrets/accepted`, 0o400],
      [`${STATE}/secrets/applied`, 0o400],
    ])
    const folders = stage.files.everything(STATE).filter(({ type }) => type === 'directory')
    expect(folders.every(({ mode }) => mode === 0o700)).toBe(true)
    const others = stage.files
      .everything(STATE)
      .filter(({ path, type }) => type === 'file' && !path.includes('/secrets/'))
    expect(others.map(({ mode }) => mode)).toEqual([0o600, 0o600])
  })

  test('are in no problem of a manifest that is bad in every way', async () => {
    const stage = new Stage()
    stage.write({ 's.yaml': secret('s1', canary) })
    await stage.list()
    const bad = [
      secret('s1', canary).replace('stringData', 'stringDatas'),
      secret('s1', canary).replace('key:', '"k k":'),
      secret('s1', `[${canary}]`),
      `${secret('s1', canary)}\t: ${canary}\n`,
      secret('s1', `"${canary}`),
      all(secret('s1', canary), secret('s1', canary)),
    ]
    for (const text of bad) {
      stage.write({ 's.yaml': text })
      const view = await stage.list()
      expect(view.problems.length, text).toBeGreaterThan(0)
      expect(JSON.stringify([view.problems, view.hold]), text).not.toContain(canary)
      expect(view.objects.map(short)).toEqual(['s1@1!'])
    }
  })

  test('are removed with their last version and with their object', async () => {
    const stage = new Stage()
    stage.write({ 'a.yaml': vm('a1'), 's.yaml': secret('s1', canary) })
    await stage.list()
    stage.write({ 's.yaml': secret('s1', 'other') })
    await stage.list()
    expect(holders(stage)).toEqual([])
    stage.remove('s.yaml')
    const { objects } = await stage.listAfter(1000)
    const old = objects.find(({ ref }) => ref.kind === 'Secret')!
    expect(old.object).toMatchObject({ stringData: { key: 'other' } })
    await stage.source.finish(old.key, old.uid)
    expect(stage.files.everything(`${STATE}/secrets`).filter(({ type }) => type === 'file')).toEqual([])
  })

  test('outlive a power failure as soon as they are told', async () => {
    const stage = new Stage()
    stage.write({ 's.yaml': secret('s1', 'one') })
    stage.files.syncAll()
    await stage.list()
    stage.files.losePower()
    stage.write({ 's.yaml': '' })
    stage.restart()
    expect((await stage.list()).objects[0]?.object).toMatchObject({ stringData: { key: 'one' } })
  })

  test('that were left by a killed controller are swept at the next start', async () => {
    const stage = new Stage()
    stage.write({ 's.yaml': secret('s1', 'one') })
    await stage.list()
    stage.files.write(`${STATE}/secrets/accepted/stray`, canary)
    stage.restart()
    expect(summary(await stage.list()).objects).toEqual(['s1@1'])
    expect(holders(stage)).toEqual([])
  })

  test('that are damaged are told and taken from the manifest again, under the same uid', async () => {
    const stage = new Stage()
    stage.write({ 's.yaml': secret('s1', 'one') })
    const before = await stage.list()
    const [stored] = stage.files.everything(`${STATE}/secrets`).filter(({ type }) => type === 'file')
    stage.files.write(stored!.path, 'rubbish', 0o400)
    stage.write({ 's.yaml': '' })
    stage.restart()
    const blind = await stage.list()
    expect(blind.objects).toEqual([])
    expect(blind.problems.map(({ key }) => key)).toContain('Secret/default/s1')
    stage.write({ 's.yaml': secret('s1', 'one') })
    const after = await stage.list()
    expect(after.objects[0]?.uid).toBe(before.objects[0]?.uid)
    expect(after.problems).toEqual([])
  })
})
