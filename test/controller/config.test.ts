import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readConfig } from '../../src/controller/config.ts'
import { linuxFiles } from '../../src/world/linux/files.ts'

const files = linuxFiles()
let folder = ''
let path = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'moorage-config-'))
  path = join(folder, 'config.yaml')
})

afterEach(() => rmSync(folder, { recursive: true }))

test('a volume of a ConfigMap is a link to a link to a folder of that moment', async () => {
  mkdirSync(join(folder, '..2026_11_20'))
  writeFileSync(join(folder, '..2026_11_20/config.yaml'), 'cgroup: /sys/fs/cgroup/moorage\n')
  symlinkSync('..2026_11_20', join(folder, '..data'))
  symlinkSync('..data/config.yaml', path)
  expect((await readConfig(files, path)).cgroup).toBe('/sys/fs/cgroup/moorage')
})

test('no file is defaults; a link that leads nowhere is a mistake', async () => {
  expect((await readConfig(files, path)).cgroup).toBeUndefined()
  symlinkSync('nothing.yaml', path)
  await expect(readConfig(files, path)).rejects.toThrow(path)
})
