import type { Files } from '../../src/world/files.ts'

/** A bug that a power loss makes visible; `bend` is what has it. */
export interface Break {
  readonly name: string
  readonly bend: (files: Files) => Files
}

const isFolder = async (files: Files, path: string) => (await files.stat(path))?.type === 'directory'

/** What the code does right, done wrong at its lowest place: the port under all that is written. */
export const breaks: readonly Break[] = [
  {
    name: 'no fsync of a file',
    bend: (files) => ({
      ...files,
      create: (path, bytes, options) => files.create(path, bytes, { ...options, durable: false }),
      sync: async (path) => ((await isFolder(files, path)) ? files.sync(path) : undefined),
    }),
  },
  {
    name: 'rename before fsync',
    bend: (files) => ({
      ...files,
      create: (path, bytes, options) => files.create(path, bytes, { ...options, durable: false }),
      async rename(from, to) {
        await files.rename(from, to)
        await files.sync(to)
      },
    }),
  },
  {
    name: 'no fsync of a directory',
    bend: (files) => ({
      ...files,
      sync: async (path) => ((await isFolder(files, path)) ? undefined : files.sync(path)),
    }),
  },
]
