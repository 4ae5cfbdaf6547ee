import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { linuxFiles } from '../../src/world/linux/files.ts'
import { withUmask } from '../../src/world/linux/umask.ts'
import { bundle } from './bundle.ts'
import { filesContract } from './contract/files.ts'
import { needsRoot } from './needs-root.ts'

const files = linuxFiles()
const folders: string[] = []
const children: ChildProcess[] = []
const root = () => {
  const made = mkdtempSync(join(tmpdir(), 'moorage-files-'))
  folders.push(made)
  return made
}
const script = (source: string, ...argv: string[]) => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', source, ...argv], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  children.push(child)
  return child
}

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

describe('contract', () => filesContract(async () => ({ files, root: root() })))

describe('modes and owners', () => {
  test('do not depend on the umask', async () => {
    const folder = root()
    const made = withUmask(0o777, () => [
      files.makeDirectory(`${folder}/d`, { mode: 0o755 }),
      files.create(`${folder}/f`, new Uint8Array(3), { mode: 0o644 }),
      files.createSparse(`${folder}/s`, 3, { mode: 0o640 }),
    ])
    await Promise.all(made)
    const modes = ['d', 'f', 's'].map((name) => statSync(`${folder}/${name}`).mode & 0o7777)
    expect(modes).toEqual([0o755, 0o644, 0o640])
  })

  test('are those asked for, set-id bits included, on what is made and on what was there', async (context) => {
    needsRoot(context, 'gives files away')
    const folder = root()
    const owner = { uid: 64_123, gid: 64_124 }
    await files.create(`${folder}/f`, new Uint8Array(1), { mode: 0o4755, ...owner })
    await files.makeDirectory(`${folder}/d`, { mode: 0o700 })
    await files.makeDirectory(`${folder}/d`, { mode: 0o2750, ...owner })
    expect(await files.stat(`${folder}/f`)).toMatchObject({ mode: 0o4755, ...owner })
    expect(await files.stat(`${folder}/d`)).toMatchObject({ mode: 0o2750, ...owner })
    await files.makeDirectory(`${folder}/d`, { mode: 0o700 })
    expect(await files.stat(`${folder}/d`)).toMatchObject({ mode: 0o700, ...owner })
  })

  test('of a link are its own, not its target’s', async (context) => {
    needsRoot(context, 'gives files away')
    const folder = root()
    writeFileSync(`${folder}/a`, '')
    symlinkSync('a', `${folder}/link`)
    await files.chown(`${folder}/link`, 64_123, 64_124)
    expect(await files.stat(`${folder}/link`)).toMatchObject({ uid: 64_123, gid: 64_124 })
    expect(await files.stat(`${folder}/a`)).toMatchObject({ uid: 0, gid: 0 })
  })

  test('that are right already are left alone: the change time stays', async () => {
    const folder = root()
    await files.makeDirectory(`${folder}/d`, { mode: 0o700 })
    const before = statSync(`${folder}/d`).ctimeMs
    await delay(20)
    await files.makeDirectory(`${folder}/d`, { mode: 0o700 })
    expect(statSync(`${folder}/d`).ctimeMs).toBe(before)
  })

  test('that cannot be set leave no file behind', async (context) => {
    needsRoot(context, 'gives files away')
    const folder = root()
    await expect(files.create(`${folder}/f`, new Uint8Array(1), { mode: 0o600, uid: 2 ** 33 })).rejects.toThrow(
      'create',
    )
    expect(existsSync(`${folder}/f`)).toBe(false)
  })
})

describe('special files', () => {
  test('neither block nor are read: FIFO, socket, device', async () => {
    const folder = root()
    spawnSync('mkfifo', [`${folder}/fifo`])
    for (const path of [`${folder}/fifo`, '/dev/zero', '/dev/null']) {
      await expect(files.read(path, 9), path).rejects.toMatchObject({ code: 'EINVAL', path })
      await expect(files.readFollowing(path, 9), path).rejects.toMatchObject({ code: 'EINVAL' })
      await expect(files.truncate(path, 0), path).rejects.toMatchObject({ code: 'EINVAL' })
      await expect(files.lock(path), path).rejects.toMatchObject({ code: 'EINVAL' })
      await expect(files.sync(path), path).rejects.toMatchObject({ code: 'EINVAL' })
    }
    await expect(files.readBeneath(folder, 'fifo', 9)).rejects.toMatchObject({ code: 'EINVAL' })
    await expect(files.readBeneath('/dev', 'zero', 9)).rejects.toMatchObject({ code: 'EINVAL' })
    await expect(files.hashBeneath('/dev', 'zero', AbortSignal.timeout(1000))).rejects.toMatchObject({ code: 'EINVAL' })
    expect(await files.statBeneath(folder, 'fifo')).toMatchObject({ type: 'other' })
  })

  test('of /proc say size 0 and are read all the same', async () => {
    const status = new TextDecoder().decode(await files.read('/proc/self/status', 1 << 16))
    expect(status).toContain(`Pid:\t${process.pid}`)
    await expect(files.read('/proc/self/status', 10)).rejects.toMatchObject({ code: 'EFBIG' })
  })

  test('a FIFO that a reader waits on is not opened: the reader sees nothing', async () => {
    const folder = root()
    spawnSync('mkfifo', [`${folder}/fifo`])
    const writer = spawn('sh', ['-c', `echo secret > ${folder}/fifo; echo opened`], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    children.push(writer)
    let said = ''
    writer.stdout?.on('data', (piece) => {
      said += piece
    })
    await delay(50)
    await expect(files.read(`${folder}/fifo`, 9)).rejects.toMatchObject({ code: 'EINVAL' })
    await delay(50)
    expect(said).toBe('')
  })
})

describe('races', () => {
  test('a folder that is swapped for a link leads nowhere else, however often', { timeout: 20_000 }, async () => {
    const folder = root()
    mkdirSync(`${folder}/in/d`, { recursive: true })
    mkdirSync(`${folder}/out`)
    writeFileSync(`${folder}/in/d/f`, 'inside')
    writeFileSync(`${folder}/out/f`, 'outside')
    const swapper = script(
      `import fs from 'node:fs'
       const [, folder] = process.argv
       process.stdout.write('.')
       for (;;) {
         fs.renameSync(folder + '/in/d', folder + '/in/real')
         fs.symlinkSync('../out', folder + '/in/d')
         fs.unlinkSync(folder + '/in/d')
         fs.symlinkSync('../../out/f', folder + '/in/real/g')
         fs.renameSync(folder + '/in/real/g', folder + '/in/real/f')
         fs.writeFileSync(folder + '/in/real/h', 'inside')
         fs.renameSync(folder + '/in/real/h', folder + '/in/real/f')
         fs.renameSync(folder + '/in/real', folder + '/in/d')
       }`,
      folder,
    )
    await once(swapper.stdout!, 'data')
    const seen = new Map<string, number>()
    const note = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1)
    const met = () => ['inside', 'ELOOP'].every((what) => (seen.get(what) ?? 0) > 10)
    const until = performance.now() + 10_000
    for (let rounds = 0; rounds < 3000 || (!met() && performance.now() < until); rounds += 1) {
      await files.readBeneath(`${folder}/in`, 'd/f', 100).then(
        (content) => note(new TextDecoder().decode(content)),
        (error) => note(error.code),
      )
    }
    expect(met(), 'both worlds were met').toBe(true)
    expect(seen.get('outside')).toBeUndefined()
    expect([...seen.keys()].filter((key) => !['inside', 'ENOENT', 'ELOOP', 'ENOTDIR'].includes(key))).toEqual([])
  })

  test('a file that grows while it is read stays within the limit', async () => {
    const folder = root()
    const path = `${folder}/log`
    writeFileSync(path, '')
    const writer = script(
      `import fs from 'node:fs'
       process.stdout.write('.')
       for (;;) { fs.appendFileSync(process.argv[1], 'x'.repeat(100)); if (fs.statSync(process.argv[1]).size > 100000) fs.truncateSync(process.argv[1]) }`,
      path,
    )
    await once(writer.stdout!, 'data')
    const lengths: number[] = []
    let refused = 0
    for (const until = performance.now() + 500; performance.now() < until; ) {
      await files.read(path, 50_000).then(
        (content) => lengths.push(content.length),
        (error) => {
          expect(error.code).toBe('EFBIG')
          refused += 1
        },
      )
    }
    expect(Math.max(...lengths)).toBeLessThanOrEqual(50_000)
    expect(refused).toBeGreaterThan(0)
    expect(lengths.length).toBeGreaterThan(10)
  })
})

describe('the lock', () => {
  const holder = `
    import { pathToFileURL } from 'node:url'
    import { spawn } from 'node:child_process'
    const [, path, module, child] = process.argv
    const { linuxFiles } = await import(pathToFileURL(module).href)
    const lock = await linuxFiles().lock(path)
    const pid = child === undefined ? 0 : spawn('sleep', ['100'], { stdio: 'ignore', detached: true }).pid
    console.log(lock === null ? 'refused' : 'held ' + pid)
    process.stdin.resume()
  `
  test('is exclusive between processes and dies with kill -9 of its holder, but not with our other children', async () => {
    const path = join(root(), 'lock')
    const module = join(root(), 'files.mjs')
    await bundle('files.ts', module)
    const first = script(holder, path, module, 'with a child')
    const [said] = await once(first.stdout!, 'data')
    const sleeper = Number(/^held (\d+)/.exec(String(said))?.[1])
    expect(sleeper).toBeGreaterThan(0)
    try {
      expect(await files.lock(path)).toBeNull()
      const second = script(holder, path, module)
      expect(String((await once(second.stdout!, 'data'))[0])).toBe('refused\n')
      first.kill('SIGKILL')
      await once(first, 'exit')
      const lock = await files.lock(path)
      expect(lock).not.toBeNull()
      await lock?.release()
    } finally {
      process.kill(sleeper, 'SIGKILL')
    }
  })

  test('is not inherited: no child holds its descriptor', async () => {
    const path = join(root(), 'lock')
    const lock = await files.lock(path)
    const child = spawn('sleep', ['100'], { stdio: 'ignore' })
    children.push(child)
    await once(child, 'spawn')
    const folder = `/proc/${child.pid}/fd`
    const held = readdirSync(folder).map((fd) => {
      try {
        return readlinkSync(`${folder}/${fd}`)
      } catch {
        // Closed since: what a program has open while it begins.
        return null
      }
    })
    expect(held).not.toContain(path)
    await lock?.release()
  })

  test('of a file that was replaced under its holder is not shared by the new file’s', async () => {
    const path = join(root(), 'lock')
    const first = await files.lock(path)
    rmSync(path)
    const second = await files.lock(path)
    expect(second, 'whoever unlinks a lock file lets two in').not.toBeNull()
    await first?.release()
    await second?.release()
  })

  test('leaves no descriptor open when it is refused', async () => {
    const path = join(root(), 'lock')
    const lock = await files.lock(path)
    const open = () => readdirSync('/proc/self/fd').length
    const before = open()
    for (let round = 0; round < 5; round += 1) await files.lock(path)
    expect(open()).toBe(before)
    await lock?.release()
  })
})
