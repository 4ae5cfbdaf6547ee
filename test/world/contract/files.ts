import { expect, test } from 'vitest'
import type { Files } from '../../../src/world/files.ts'

export interface FilesWorld {
  readonly files: Files
  /** An empty directory. */
  readonly root: string
}

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (content: Uint8Array) => new TextDecoder().decode(content)
const mode = { mode: 0o600 }
const never = new AbortController().signal

/** What every world's files must do; see src/world/files.ts. */
export function filesContract(make: () => Promise<FilesWorld>): void {
  const law = (name: string, check: (world: FilesWorld) => Promise<void>) => test(name, async () => check(await make()))
  const fails = (code: string, path?: string) =>
    expect.objectContaining({ name: 'FileError', code, ...(path && { path }) })

  law('a file that was created is read back with its mode', async ({ files, root }) => {
    await files.create(`${root}/a`, bytes('hello'), { mode: 0o440 })
    expect(text(await files.read(`${root}/a`, 100))).toBe('hello')
    expect(await files.stat(`${root}/a`)).toMatchObject({ type: 'file', size: 5, mode: 0o440 })
  })

  law('an empty file is read as no bytes, also with a limit of none', async ({ files, root }) => {
    await files.create(`${root}/a`, bytes(''), mode)
    expect(await files.read(`${root}/a`, 0)).toHaveLength(0)
  })

  law(
    'creating what is there is EEXIST and changes nothing, be it a file, a folder or a dangling link',
    async (world) => {
      const { files, root } = world
      await files.create(`${root}/file`, bytes('first'), mode)
      await files.makeDirectory(`${root}/folder`, { mode: 0o700 })
      await files.symlink(`${root}/nowhere`, `${root}/link`)
      for (const name of ['file', 'folder', 'link']) {
        const path = `${root}/${name}`
        await expect(files.create(path, bytes('second'), mode)).rejects.toEqual(fails('EEXIST', path))
        await expect(files.createSparse(path, 10, mode)).rejects.toEqual(fails('EEXIST', path))
      }
      expect(text(await files.read(`${root}/file`, 100))).toBe('first')
      expect(await files.stat(`${root}/nowhere`)).toBeNull()
    },
  )

  law('reading is bounded: exactly the limit passes, one byte more is EFBIG', async ({ files, root }) => {
    await files.create(`${root}/a`, bytes('12345'), mode)
    expect(await files.read(`${root}/a`, 5)).toHaveLength(5)
    await expect(files.read(`${root}/a`, 4)).rejects.toEqual(fails('EFBIG', `${root}/a`))
    await expect(files.readBeneath(root, 'a', 4)).rejects.toEqual(fails('EFBIG'))
    await expect(files.readFollowing(`${root}/a`, 4)).rejects.toEqual(fails('EFBIG'))
  })

  law('only a regular file is read', async ({ files, root }) => {
    await expect(files.read(root, 9)).rejects.toEqual(fails('EINVAL', root))
    await expect(files.readFollowing(root, 9)).rejects.toEqual(fails('EINVAL'))
    await expect(files.read(`${root}/none`, 9)).rejects.toEqual(fails('ENOENT'))
  })

  law('no link is followed in the last component unless the name says so', async ({ files, root }) => {
    await files.create(`${root}/a`, bytes('hello'), mode)
    await files.symlink('a', `${root}/link`)
    await expect(files.read(`${root}/link`, 9)).rejects.toEqual(fails('ELOOP'))
    await expect(files.truncate(`${root}/link`, 0)).rejects.toEqual(fails('ELOOP'))
    await expect(files.chmod(`${root}/link`, 0o777)).rejects.toEqual(fails('ELOOP'))
    await expect(files.sync(`${root}/link`)).rejects.toEqual(fails('ELOOP'))
    await expect(files.lock(`${root}/link`)).rejects.toEqual(fails('ELOOP'))
    expect(text(await files.readFollowing(`${root}/link`, 9))).toBe('hello')
    expect(await files.stat(`${root}/link`)).toMatchObject({ type: 'symlink' })
    expect(await files.statFollowing(`${root}/link`)).toEqual(await files.stat(`${root}/a`))
    expect(await files.stat(`${root}/a`)).toMatchObject({ mode: 0o600, size: 5 })
  })

  law('below a root no link is followed in any component', async ({ files, root }) => {
    await files.makeDirectory(`${root}/real`, { mode: 0o700 })
    await files.create(`${root}/real/a`, bytes('hello'), mode)
    await files.symlink('real', `${root}/alias`)
    await files.symlink('a', `${root}/real/b`)
    expect(text(await files.readBeneath(root, 'real/a', 9))).toBe('hello')
    expect(await files.statBeneath(root, 'real/a')).toEqual(await files.stat(`${root}/real/a`))
    for (const path of ['alias/a', 'real/b']) {
      await expect(files.readBeneath(root, path, 9)).rejects.toEqual(fails('ELOOP', `${root}/${path}`))
      await expect(files.hashBeneath(root, path, never)).rejects.toEqual(fails('ELOOP'))
    }
    await expect(files.statBeneath(root, 'alias/a')).rejects.toEqual(fails('ELOOP'))
    expect(await files.statBeneath(root, 'real/b')).toMatchObject({ type: 'symlink' })
    expect(await files.statBeneath(root, 'real/none')).toBeNull()
    expect(await files.statBeneath(root, 'real/a/deeper')).toBeNull()
  })

  law('below a root only a plain relative path is taken', async ({ files, root }) => {
    await files.create(`${root}/a`, bytes('hello'), mode)
    for (const path of ['', '/', '/a', 'a/', '..', '../a', 'x/../a', './a', 'a/.', 'x//a', 'a\0b']) {
      await expect(files.readBeneath(root, path, 9), JSON.stringify(path)).rejects.toEqual(fails('EINVAL'))
      await expect(files.statBeneath(root, path), JSON.stringify(path)).rejects.toEqual(fails('EINVAL'))
      await expect(files.hashBeneath(root, path, never), JSON.stringify(path)).rejects.toEqual(fails('EINVAL'))
    }
    await expect(files.readBeneath(root, 'x'.repeat(5000), 9)).rejects.toEqual(fails('ENAMETOOLONG'))
  })

  law('a hash is SHA-256 in hex, and an abort ends it with its reason', async ({ files, root }) => {
    await files.create(`${root}/a`, bytes('abc'), mode)
    const expected = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    expect(await files.hashBeneath(root, 'a', never)).toBe(expected)
    await expect(files.hashBeneath(root, 'a', AbortSignal.abort('enough'))).rejects.toBe('enough')
  })

  law('a directory lists its entries by name with their kinds, up to a limit', async ({ files, root }) => {
    await files.create(`${root}/b`, bytes(''), mode)
    await files.makeDirectory(`${root}/a`, { mode: 0o700 })
    await files.symlink('b', `${root}/..c`)
    const entries = [
      { name: '..c', type: 'symlink' },
      { name: 'a', type: 'directory' },
      { name: 'b', type: 'file' },
    ]
    expect(await files.list(root, 3)).toEqual(entries)
    await expect(files.list(root, 2)).rejects.toEqual(fails('E2BIG'))
    await expect(files.list(`${root}/b`, 3)).rejects.toEqual(fails('ENOTDIR'))
    await expect(files.list(`${root}/none`, 3)).rejects.toEqual(fails('ENOENT'))
    await files.symlink('.', `${root}/a/here`)
    await files.symlink(root, `${root}/a/up`)
    await expect(files.list(`${root}/a/up`, 3)).rejects.toEqual(fails('ENOTDIR'))
    expect(await files.listFollowing(`${root}/a/up`, 3)).toEqual(entries)
  })

  law('making a directory that is there sets its mode', async ({ files, root }) => {
    await files.makeDirectory(`${root}/a`, { mode: 0o711 })
    expect(await files.stat(`${root}/a`)).toMatchObject({ type: 'directory', mode: 0o711 })
    await files.create(`${root}/a/kept`, bytes(''), mode)
    await files.makeDirectory(`${root}/a`, { mode: 0o700 })
    expect(await files.stat(`${root}/a`)).toMatchObject({ mode: 0o700 })
    expect(await files.list(`${root}/a`, 9)).toHaveLength(1)
    await expect(files.makeDirectory(`${root}/none/a`, { mode: 0o700 })).rejects.toEqual(fails('ENOENT'))
  })

  law('a directory is not made through a link, nor in place of a file', async ({ files, root }) => {
    await files.makeDirectory(`${root}/target`, { mode: 0o700 })
    await files.symlink('target', `${root}/link`)
    await files.create(`${root}/file`, bytes(''), mode)
    await expect(files.makeDirectory(`${root}/link`, { mode: 0o755 })).rejects.toEqual(fails('ENOTDIR'))
    await expect(files.makeDirectory(`${root}/file`, { mode: 0o755 })).rejects.toEqual(fails('ENOTDIR'))
    expect(await files.stat(`${root}/target`)).toMatchObject({ mode: 0o700 })
  })

  law('a sparse file has its size and no bytes, and can be truncated', async ({ files, root }) => {
    await files.createSparse(`${root}/disk`, 64 * 2 ** 30, mode)
    expect(await files.stat(`${root}/disk`)).toMatchObject({ size: 64 * 2 ** 30, allocated: 0 })
    await files.truncate(`${root}/disk`, 10)
    expect(await files.stat(`${root}/disk`)).toMatchObject({ size: 10 })
    await expect(files.truncate(`${root}/none`, 1)).rejects.toEqual(fails('ENOENT'))
  })

  law('a rename replaces a file', async ({ files, root }) => {
    await files.create(`${root}/new`, bytes('new'), mode)
    await files.create(`${root}/old`, bytes('old'), mode)
    await files.rename(`${root}/new`, `${root}/old`)
    expect(text(await files.read(`${root}/old`, 9))).toBe('new')
    expect(await files.stat(`${root}/new`)).toBeNull()
    await expect(files.rename(`${root}/none`, `${root}/old`)).rejects.toEqual(fails('ENOENT'))
  })

  law('what is made anew under a name has another identity', async ({ files, root }) => {
    const path = `${root}/a`
    const kinds = [
      { make: () => files.makeDirectory(path, { mode: 0o700 }), remove: () => files.removeDirectory(path) },
      { make: () => files.create(path, bytes(''), mode), remove: () => files.remove(path) },
    ]
    for (const { make, remove } of kinds) {
      const seen = new Set<string | undefined>()
      for (let round = 0; round < 3; round += 1) {
        await make()
        seen.add((await files.stat(path))?.identity)
        await remove()
        // A kernel stamps the time of birth once a tick, of 10 ms at most.
        await new Promise((resolve) => setTimeout(resolve, 11))
      }
      expect(seen).toHaveLength(3)
    }
  })

  law('an identity stays through writing, modes and a rename', async ({ files, root }) => {
    await files.makeDirectory(`${root}/a`, { mode: 0o700 })
    const before = (await files.stat(`${root}/a`))?.identity
    await files.create(`${root}/a/x`, bytes(''), mode)
    await files.chmod(`${root}/a`, 0o711)
    await files.rename(`${root}/a`, `${root}/b`)
    expect((await files.stat(`${root}/b`))?.identity).toBe(before)
  })

  law('a link is read; where there is none, null', async ({ files, root }) => {
    await files.symlink('some/where', `${root}/link`)
    await files.create(`${root}/file`, bytes(''), mode)
    expect(await files.readLink(`${root}/link`)).toBe('some/where')
    expect(await files.readLink(`${root}/file`)).toBeNull()
    expect(await files.readLink(`${root}/none`)).toBeNull()
    await expect(files.symlink('x', `${root}/link`)).rejects.toEqual(fails('EEXIST'))
  })

  law('removing what is gone succeeds; a full directory stays', async ({ files, root }) => {
    await files.makeDirectory(`${root}/a`, { mode: 0o700 })
    await files.create(`${root}/a/x`, bytes(''), mode)
    await expect(files.removeDirectory(`${root}/a`)).rejects.toEqual(fails('ENOTEMPTY'))
    await files.remove(`${root}/a/x`)
    await files.remove(`${root}/a/x`)
    await files.remove(`${root}/none/x`)
    await files.removeDirectory(`${root}/a`)
    await files.removeDirectory(`${root}/a`)
    expect(await files.stat(`${root}/a`)).toBeNull()
  })

  law('what is of the other kind is not removed', async ({ files, root }) => {
    await files.makeDirectory(`${root}/a`, { mode: 0o700 })
    await files.create(`${root}/b`, bytes(''), mode)
    await expect(files.remove(`${root}/a`)).rejects.toEqual(fails('EISDIR'))
    await expect(files.removeDirectory(`${root}/b`)).rejects.toEqual(fails('ENOTDIR'))
    expect(await files.list(root, 9)).toHaveLength(2)
  })

  law('removing a link leaves its target', async ({ files, root }) => {
    await files.create(`${root}/a`, bytes('kept'), mode)
    await files.symlink('a', `${root}/link`)
    await files.remove(`${root}/link`)
    expect(text(await files.read(`${root}/a`, 9))).toBe('kept')
  })

  law('files and directories can be synced', async ({ files, root }) => {
    await files.create(`${root}/a`, bytes('x'), mode)
    await files.sync(`${root}/a`)
    await files.sync(root)
    await expect(files.sync(`${root}/none`)).rejects.toEqual(fails('ENOENT'))
  })

  law('a lock has one holder at a time', async ({ files, root }) => {
    const first = await files.lock(`${root}/lock`)
    expect(first).not.toBeNull()
    expect(await files.lock(`${root}/lock`)).toBeNull()
    await first?.release()
    await first?.release()
    const second = await files.lock(`${root}/lock`)
    expect(second).not.toBeNull()
    await second?.release()
    await expect(files.lock(`${root}/none/lock`)).rejects.toEqual(fails('ENOENT'))
  })

  law('free space is a number of bytes', async ({ files, root }) => {
    expect(await files.free(root)).toBeGreaterThan(0)
    await expect(files.free(`${root}/none`)).rejects.toEqual(fails('ENOENT'))
  })
}
