import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { DirectorySource } from '../../src/source/directory.ts'
import { defaultSettle } from '../../src/source/settle.ts'
import { linuxFiles } from '../../src/world/linux/files.ts'
import { all, never, secret, short, uids, vm } from './stage.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A source over real directories, with real time and short moments. */
function real() {
  const root = mkdtempSync(join(tmpdir(), 'moorage-source-'))
  folders.push(root)
  const [manifests, state] = [join(root, 'manifests'), join(root, 'state')]
  mkdirSync(manifests)
  mkdirSync(state)
  const clock = {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    sleep: async (milliseconds: number) => {
      await delay(milliseconds)
    },
    after: () => () => {},
  }
  const settle = { ...defaultSettle, gone: 60, replaced: 120 }
  const open = () =>
    new DirectorySource({
      files: linuxFiles(),
      clock,
      random: { bytes: (count) => randomBytes(count) },
      manifests,
      state,
      settle,
    })
  const write = (files: Readonly<Record<string, string>>) => {
    for (const [path, text] of Object.entries(files)) writeFileSync(join(manifests, path), text)
  }
  return { root, manifests, state, open, write }
}

/** Lists until nothing is left to wait for. */
async function settled(source: DirectorySource) {
  for (let turn = 0; turn < 20; turn += 1) {
    const view = await source.list(never)
    if (view.recheckAt === null) return view
    await delay(Math.max(5, view.recheckAt - Date.now() + 5))
  }
  throw new Error('it never settles')
}

describe('real files', () => {
  test('are accepted, edited, removed, made anew, over restarts', async () => {
    const { manifests, open, write } = real()
    write({ 'a.yaml': all(vm('a1'), secret('s1', 'one')), 'b.yaml': vm('b1') })
    const before = await settled(open())
    expect(before.objects.map(short)).toEqual(['a1@1', 'b1@1', 's1@1'])
    write({ 'a.yaml': all(vm('a1', 2), secret('s1', 'two')) })
    rmSync(join(manifests, 'b.yaml'))
    const source = open()
    const after = await settled(source)
    expect(after.objects.map(short)).toEqual(['a1@2', 'b1@1†', 's1@2'])
    expect(uids(after)).toEqual(uids(before))
    await source.finish('MicroVM/default/b1', uids(before).get('MicroVM/default/b1')!)
    write({ 'b.yaml': vm('b1', 3) })
    const anew = await settled(open())
    expect(anew.objects.map(short)).toEqual(['a1@2', 'b1@1', 's1@2'])
    expect(uids(anew).get('MicroVM/default/b1')).not.toBe(uids(before).get('MicroVM/default/b1'))
  })

  test('keep the modes of the house', async () => {
    const { state, open, write } = real()
    write({ 's.yaml': secret('s1', 'canary-real') })
    await open().list(never)
    const mode = (path: string) => statSync(join(state, path)).mode & 0o777
    expect(['index', 'objects', 'secrets', 'secrets/accepted', 'secrets/applied'].map(mode)).toEqual(
      Array(5).fill(0o700),
    )
    const [stored] = readdirSync(join(state, 'secrets/accepted'))
    expect(mode(`secrets/accepted/${stored}`)).toBe(0o400)
    expect(mode('index/accepted')).toBe(0o600)
    expect(readFileSync(join(state, 'index/accepted'), 'utf8')).not.toContain('canary-real')
  })

  test('a directory that is made anew is seen as another, though it may have the old number', async () => {
    const { manifests, open, write } = real()
    write({ 'a.yaml': vm('a1'), 'b.yaml': vm('b1') })
    const source = open()
    await settled(source)
    rmSync(manifests, { recursive: true })
    expect((await settled(source)).hold).toMatch(/is not there/)
    mkdirSync(manifests)
    write({ 'a.yaml': vm('a1') })
    const view = await settled(source)
    expect(view.hold).toMatch(/was replaced; 1 of its objects is not in it and kept/)
    expect(view.objects.map(short)).toEqual(['a1@1', 'b1@1'])
  })

  test('a link that is re-pointed deletes what the whole new tree does not have', async () => {
    const { root, manifests, open } = real()
    rmSync(manifests, { recursive: true })
    const checkout = (name: string, files: Readonly<Record<string, string>>) => {
      mkdirSync(join(root, name))
      for (const [path, text] of Object.entries(files)) writeFileSync(join(root, name, path), text)
      symlinkSync(name, join(root, 'next'))
      renameSync(join(root, 'next'), manifests)
    }
    checkout('rev-1', { 'a.yaml': vm('a1'), 'b.yaml': vm('b1') })
    const source = open()
    await settled(source)
    await delay(5)
    checkout('rev-2', { 'a.yaml': vm('a1', 2) })
    expect((await source.list(never)).objects.map(short)).toEqual(['a1@2', 'b1@1'])
    const view = await settled(source)
    expect([view.objects.map(short), view.hold]).toEqual([['a1@2', 'b1@1†'], null])
  })

  test('a FIFO is not waited for', async () => {
    const { manifests, open, write } = real()
    write({ 'a.yaml': vm('a1') })
    execFileSync('mkfifo', [join(manifests, 'pipe.yaml')])
    const view = await open().list(never)
    expect(view.objects.map(short)).toEqual(['a1@1'])
    expect(view.problems[0]?.message).toMatch(/^the file is a device, FIFO or socket/)
  })
})
