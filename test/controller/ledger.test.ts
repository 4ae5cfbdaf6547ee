import { describe, expect, test } from 'vitest'
import { changeRecord, forgetRecord, mergeRecords, openLedger } from '../../src/controller/ledger.ts'
import type { Paths } from '../../src/controller/paths.ts'
import { openStatuses } from '../../src/controller/report.ts'
import type { Status } from '../../src/controller/status/status.ts'
import { type Ledger, newRecord } from '../../src/ledger.ts'
import { FileError } from '../../src/world/files.ts'
import type { World } from '../../src/world/world.ts'
import { MemoryFiles } from '../world/memory-files.ts'

const ref = { kind: 'MicroVM', namespace: 'default', name: 'a' }
const record = newRecord(ref, 61000, 'Always', 'on')
const ledger = (machines: Ledger['machines']): Ledger => ({
  version: 1,
  root: { id: '0badcafe', group: 7 },
  forwardingPrior: null,
  machines,
})

describe('merging what a pass thought with what happened meanwhile', () => {
  test('a field that the pass changed is taken, one that an action changed is kept', () => {
    const base = ledger({ a: record })
    const thought = ledger({ a: { ...record, addresses: { eth0: '10.0.0.2' } } })
    const meanwhile = changeRecord('a', (old) => ({ ...old, crashes: { count: 3, retryAt: 9 } }))(base)
    const merged = mergeRecords(base, thought)(meanwhile)
    expect(merged.machines.a).toEqual({ ...record, addresses: { eth0: '10.0.0.2' }, crashes: { count: 3, retryAt: 9 } })
  })

  test('a new record is added', () => {
    expect(mergeRecords(ledger({}), ledger({ a: record }))(ledger({})).machines).toEqual({ a: record })
  })

  test('a record that was forgotten meanwhile does not come back', () => {
    const base = ledger({ a: record })
    const thought = ledger({ a: { ...record, power: { wish: 'off', strategy: 'Manual' } } })
    expect(mergeRecords(base, thought)(forgetRecord('a')(base)).machines).toEqual({})
  })
})

describe('a folder that somebody removes', () => {
  const paths = { ledger: '/var/lib/moorage/ledger', status: '/var/lib/moorage/status' } as Paths
  const root = { id: '0badcafe', group: 7 }
  const opened = async () => {
    const files = new MemoryFiles()
    files.folder('/var/lib/moorage')
    return { files, world: { files } as unknown as World }
  }

  test('the ledger is written anew, all of it', async () => {
    const { files, world } = await opened()
    const store = await openLedger(world, paths, root)
    await store.change((now) => ({ ...now, forwardingPrior: false, machines: { a: record } }))
    files.unlink(paths.ledger)
    await store.change((now) => ({ ...now, machines: { ...now.machines, b: { ...record, user: 61001 } } }))
    const again = (await openLedger(world, paths, root)).current
    expect(again).toEqual(store.current)
    expect(again).toMatchObject({ forwardingPrior: false, machines: { a: record, b: { user: 61001 } } })
  })

  test('so are the statuses', async () => {
    const { files, world } = await opened()
    const [one, two] = [{ phase: 'Running' }, { phase: 'Stopped' }] as unknown as Status[]
    const store = await openStatuses(world, paths.status)
    await store.save(new Map([['MicroVM/default/a', one!]]))
    files.unlink(paths.status)
    await store.save(new Map([...store.current, ['MicroVM/default/b', two!]]))
    expect((await openStatuses(world, paths.status)).current).toEqual(store.current)
  })
})

test('statuses of a save that failed are known to be doubtful', async () => {
  const files = new MemoryFiles()
  const folder = '/var/lib/moorage/status'
  files.folder('/var/lib/moorage')
  const world = { files } as unknown as World
  const [one, two] = [{ phase: 'Running' }, { phase: 'Stopped' }] as unknown as Status[]
  const store = await openStatuses(world, folder)
  const before = new Map([['MicroVM/default/a', one!]])
  await store.save(before)
  files.hook = ({ name, path, phase }) => {
    if (name === 'rename' && phase === 'after') throw new FileError('EIO', path, 'EIO')
  }
  const next = new Map([
    ['MicroVM/default/a', two!],
    ['MicroVM/default/b', two!],
  ])
  await expect(store.save(next)).rejects.toThrow('EIO')
  files.hook = () => {}
  await store.save(before)
  expect((await openStatuses(world, folder)).current).toEqual(before)
})
