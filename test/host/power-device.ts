import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import type { TestContext } from 'vitest'
import type { Answer, Question } from './power-disk.ts'

/** A file system on a disk that remembers every write; see power-disk.ts. */
export interface Device {
  /** Where it is mounted. */
  readonly mount: string
  /** Begins to remember, with all that was written so far on the disk. */
  record(): Promise<void>
  /** `w` for each write and `f` for each flush so far: its length is the moment. */
  log(): Promise<string>
  /** Unmounts it: what is not written down by now is not asked for any more. */
  unmount(): void
  /**
   * Mounts what the disk was after so many entries of the log, without the writes of the numbers `lost`; replays the
   * journal, lets `look` see it and takes it away again. Throws when it cannot be mounted.
   */
  after<T>(entries: number, lost: readonly number[], look: (mount: string) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** A kind of file system, how it is made and mounted. */
export interface FileSystem {
  readonly name: 'ext4' | 'xfs' | 'btrfs'
  readonly mkfs: readonly string[]
  readonly options: string
}

/** As Debian makes and mounts them; discards would only cost time. */
export const fileSystems: readonly FileSystem[] = [
  { name: 'ext4', mkfs: ['mkfs.ext4', '-F', '-q', '-E', 'nodiscard'], options: 'loop' },
  { name: 'xfs', mkfs: ['mkfs.xfs', '-f', '-q', '-K'], options: 'loop,nouuid' },
  { name: 'btrfs', mkfs: ['mkfs.btrfs', '-f', '-q', '-K'], options: 'loop' },
]

/** Bytes: the least that mkfs.xfs takes is 300 MiB. Nearly all of it is never written. */
const size = 320 << 20

/** Skips where such a disk cannot be, saying why. */
export function needsDisk(context: TestContext, { name, mkfs }: FileSystem): void {
  const kernel = readFileSync('/proc/filesystems', 'utf8')
  const isThere = ['/usr/sbin', '/sbin', '/usr/bin'].some((folder) => existsSync(join(folder, mkfs[0]!)))
  context.skip(!existsSync('/dev/fuse'), 'needs FUSE: the disk is a program; modprobe fuse')
  context.skip(!existsSync('/dev/loop-control'), 'needs loop devices; modprobe loop')
  context.skip(!new RegExp(`\\b${name}$`, 'm').test(kernel), `needs a kernel with ${name}; modprobe ${name}`)
  context.skip(!isThere, `needs ${mkfs[0]}; apt install e2fsprogs xfsprogs btrfs-progs`)
}

/** A fresh file system on a fresh disk, mounted below `folder`. */
export async function openDevice({ name, mkfs, options }: FileSystem, folder: string): Promise<Device> {
  const [files, mount, past] = ['files', 'now', 'then'].map((at) => join(folder, at)) as [string, string, string]
  for (const path of [files, mount, past]) mkdirSync(path, { recursive: true })
  const script = join(folder, 'power-disk.mjs')
  const entryPoints = [join(import.meta.dirname, 'power-disk.ts')]
  await build({ entryPoints, outfile: script, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' })
  const child = fork(script, [files, String(size)])
  const answer = listening(child)
  await answer()
  run([...mkfs, join(files, 'disk')])
  const attach = (file: string, where: string) => run(['mount', '-t', name, '-o', options, join(files, file), where])
  attach('disk', mount)
  let isMounted = true
  const ask = (question: Question): Promise<Answer> => {
    child.send(question)
    return answer()
  }
  const unmount = () => {
    if (isMounted) run(['umount', mount])
    isMounted = false
  }
  return {
    mount,
    unmount,
    async record() {
      run(['sync', '--file-system', mount])
      await ask({ ask: 'record' })
    },
    log: () => ask({ ask: 'log' }),
    async after(entries, lost, look) {
      const snapshot = await ask({ ask: 'snapshot', writes: entries, lost })
      attach(snapshot, past)
      try {
        return await look(past)
      } finally {
        run(['umount', past])
        await ask({ ask: 'forget', name: snapshot })
      }
    },
    async close() {
      unmount()
      run(['umount', files])
      if (child.exitCode === null) await once(child, 'exit')
    },
  }
}

/** Its next word. Questions follow one another. */
function listening(child: ChildProcess): () => Promise<Answer> {
  const gone = once(child, 'exit').then((): never => {
    throw new Error('the disk ended by itself')
  })
  gone.catch(() => {})
  return async () => {
    const [word] = (await Promise.race([once(child, 'message'), gone])) as [Answer]
    return word
  }
}

function run([program = '', ...args]: readonly string[]): void {
  execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 60_000 })
}
