import { expect, test } from 'vitest'
import { FileError } from '../../src/world/files.ts'
import { publish } from '../../src/world/publish.ts'
import { readOnlyFiles, readOnlyWorld } from '../../src/world/read-only.ts'
import type { World } from '../../src/world/world.ts'
import { MemoryFiles } from './memory-files.ts'

const never = new AbortController().signal

test('files are read as they are, and nothing that is written arrives', async () => {
  const files = new MemoryFiles(() => 0)
  files.folder('/a')
  files.write('/a/there', 'old')
  const world = readOnlyFiles(files)
  await publish(world, '/a/there', Buffer.from('new'), { mode: 0o600 })
  await world.makeDirectory('/a/made', { mode: 0o700 })
  await world.create('/a/fresh', Buffer.from('x'), { mode: 0o600 })
  await world.remove('/a/there')
  await world.truncate('/a/there', 0)
  expect(Buffer.from(await world.read('/a/there', 10)).toString()).toBe('old')
  expect((await files.list('/a', 10)).map(({ name }) => name)).toEqual(['there'])
})

test('a folder that was only said to be made is empty; one that nobody made is missing', async () => {
  const world = readOnlyFiles(new MemoryFiles(() => 0))
  await world.makeDirectory('/made', { mode: 0o700 })
  expect(await world.list('/made', 10)).toEqual([])
  await expect(world.list('/never', 10)).rejects.toThrow(FileError)
})

test('every method of the ports that changes something is closed', async () => {
  const called: string[] = []
  const trap = (name: string) =>
    new Proxy({}, { get: (_, method) => async () => void called.push(`${name}.${String(method)}`) })
  const world = readOnlyWorld({
    files: new MemoryFiles(() => 0),
    net: { commit: async () => void called.push('commit'), dump: async () => void called.push('dump') },
    process: {
      spawn: async () => void called.push('spawn'),
      signal: async () => void called.push('signal'),
      run: async () => void called.push('run'),
    },
    stream: { listen: async () => void called.push('listen'), serve: async () => void called.push('serve') },
    watch: trap('watch'),
  } as unknown as World)
  const closed = [
    () => world.net.commit([], never),
    () => world.process.spawn({} as never, never),
    () => world.process.signal({} as never, 'SIGKILL'),
    () => world.stream.listen('/x'),
    () => world.stream.serve({ path: '/x' }, async () => ({ status: 200, type: '', body: '' })),
  ]
  for (const call of closed) await expect(call()).rejects.toThrow('this only looks')
  await world.net.dump(never)
  expect(called).toEqual(['dump'])
})
