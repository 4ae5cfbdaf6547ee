import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'

/** A folder with an inside, where names are swapped, and an outside that nobody may touch. */
export interface Arena {
  readonly inside: string
  readonly outside: string
  /** What may stand at a name, made below a folder for the swapper; `inner` is text of the good file. */
  offer(name: string, kinds: readonly Kind[], inner?: string): void
  /** Starts to swap. Answers once it does. */
  start(): Promise<void>
  /** Ends it; answers how often it swapped. */
  stop(): Promise<number>
  /** What is no longer as it was outside: owner, mode, size, content's time, or that it was read. */
  touched(): readonly string[]
  /** Identities (device and inode) of everything outside. */
  readonly foreign: ReadonlySet<string>
  remove(): void
}

/** What may stand at a name. `folder` and `folderLink` hold a file `f` as well. */
export type Kind =
  | 'file'
  | 'empty'
  | 'link'
  | 'up'
  | 'dangling'
  | 'loop'
  | 'fifo'
  | 'device'
  | 'socket'
  | 'folder'
  | 'folderLink'

/** What is inside where it is good, and what is outside. */
export const goodText = 'this is inside'
export const canary = 'this is outside and nobody may see it'

const long = new Date('2020-01-01')

export function arena(): Arena {
  const base = mkdtempSync(join(tmpdir(), 'moorage-races-'))
  const [inside, outside, spare] = ['inside', 'outside', 'spare'].map((name) => join(base, name)) as [
    string,
    string,
    string,
  ]
  for (const folder of [inside, outside, spare]) mkdirSync(folder)
  for (const name of ['f', 'data.img', 'a.yaml', 'volume.json'])
    writeFileSync(join(outside, name), canary, { mode: 0o640 })
  mkdirSync(join(outside, 'd'), { mode: 0o750 })
  // Last read before it was last written: then a read shows, also where times of reading are kept seldom (relatime).
  for (const name of readdirSync(outside)) utimesSync(join(outside, name), long, new Date('2021-01-01'))
  const before = pictures(outside)
  const names: string[] = []
  let child: ChildProcess | null = null
  return {
    inside,
    outside,
    foreign: new Set([outside, ...readdirSync(outside).map((name) => join(outside, name))].map(identityOf)),
    offer(name, kinds, inner = goodText) {
      const folder = join(spare, String(names.length))
      mkdirSync(folder)
      for (const kind of kinds) makers[kind]({ path: join(folder, kind), outside, file: basename(name), inner })
      names.push(join(inside, name))
    },
    async start() {
      child = spawn(process.execPath, [join(import.meta.dirname, 'swapper.mjs'), spare, ...names], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      await once(createInterface({ input: child.stdout! }), 'line')
    },
    async stop() {
      let words = ''
      child!.stdout!.on('data', (data: Buffer) => {
        words += data.toString()
      })
      child!.kill('SIGTERM')
      await once(child!, 'close')
      return Number(words)
    },
    touched: () => pictures(outside).filter((line, at) => line !== before[at]),
    remove() {
      child?.kill('SIGKILL')
      rmSync(base, { recursive: true, force: true })
    },
  }
}

interface Made {
  readonly path: string
  readonly outside: string
  /** Name of the file that stands there. */
  readonly file: string
  readonly inner: string
}

const makers: Readonly<Record<Kind, (made: Made) => void>> = {
  file: ({ path, inner }) => writeFileSync(path, inner),
  empty: ({ path }) => writeFileSync(path, ''),
  link: ({ path, outside, file }) => symlinkSync(join(outside, file), path),
  up: ({ path, file }) => symlinkSync(`../outside/${file}`, path),
  dangling: ({ path }) => symlinkSync('nowhere', path),
  loop: ({ path, file }) => symlinkSync(file, path),
  fifo: ({ path }) => void execFileSync('mkfifo', [path]),
  device: ({ path }) => void execFileSync('mknod', [path, 'c', '1', '5']),
  socket: ({ path }) => void createServer().listen(path).unref(),
  folder: ({ path, inner }) => {
    mkdirSync(path)
    writeFileSync(join(path, 'f'), inner)
  },
  folderLink: ({ path, outside }) => symlinkSync(outside, path),
}

function pictures(folder: string): string[] {
  return [folder, ...readdirSync(folder).map((name) => join(folder, name))].map((path) => {
    const { uid, gid, mode, size, ctimeNs, atimeNs, ino } = lstatSync(path, { bigint: true })
    // Our own listing reads the folders.
    const read = (Number(mode) & 0o170000) === 0o040000 ? '' : String(atimeNs)
    return `${path} ${[uid, gid, mode, size, ino, ctimeNs, read].join(' ')}`
  })
}

/** As the first two parts of `Stat.identity`. */
function identityOf(path: string): string {
  const { dev, ino } = lstatSync(path, { bigint: true })
  return `${dev}:${ino}`
}
