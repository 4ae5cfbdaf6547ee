import { expect, test } from 'vitest'
import type { Files } from '../../../src/world/files.ts'
import type { Stop, Watch } from '../../../src/world/watch.ts'

export interface WatchWorld {
  readonly watch: Watch
  readonly files: Files
  /** An empty directory. */
  readonly root: string
}

/** Milliseconds in which a change that the kernel tells is told. */
const soon = 1000

/** Milliseconds for what has to be found by looking. */
const later = 6000

const bytes = (text: string) => new TextEncoder().encode(text)
const mode = { mode: 0o600 }

/** What every world's watch must do about files; see src/world/watch.ts. */
export function watchContract(make: () => Promise<WatchWorld>): void {
  const directoryLaw = (name: string, prepare: Step, change: Step, within = soon) =>
    test(`directory: ${name}`, async () => {
      const world = await make()
      await prepare(world)
      await woken(
        (wake) => world.watch.directory(`${world.root}/d`, wake),
        () => change(world),
        within,
      )
    })
  const fileLaw = (name: string, prepare: Step, change: Step, within = soon) =>
    test(`file: ${name}`, async () => {
      const world = await make()
      await prepare(world)
      await woken(
        (wake) => world.watch.file(`${world.root}/d/f`, wake),
        () => change(world),
        within,
      )
    })

  const folder: Step = async ({ files, root }) => files.makeDirectory(`${root}/d`, { mode: 0o700 })
  const file: Step = async (world) => {
    await folder(world)
    await world.files.create(`${world.root}/d/f`, bytes('one'), mode)
  }
  const nested: Step = async (world) => {
    await folder(world)
    await world.files.makeDirectory(`${world.root}/d/sub`, { mode: 0o700 })
    await world.files.create(`${world.root}/d/sub/f`, bytes('one'), mode)
  }
  const renew: Step = async (world) => {
    await world.files.remove(`${world.root}/d/f`)
    await world.files.removeDirectory(`${world.root}/d`)
    await folder(world)
  }
  /** As git-sync and a ConfigMap do it: the folder is a link, and a new link is renamed over it. */
  const linked: Step = async ({ files, root }) => {
    for (const version of ['v1', 'v2']) {
      await files.makeDirectory(`${root}/${version}`, { mode: 0o700 })
      await files.create(`${root}/${version}/f`, bytes(version), mode)
    }
    await files.symlink('v1', `${root}/d`)
  }
  const swap: Step = async ({ files, root }) => {
    await files.symlink('v2', `${root}/new`)
    await files.rename(`${root}/new`, `${root}/d`)
  }

  directoryLaw('a file appears', folder, ({ files, root }) => files.create(`${root}/d/f`, bytes('x'), mode))
  directoryLaw('a file whose name begins with two dots appears', folder, async ({ files, root }) =>
    files.create(`${root}/d/..f`, bytes('x'), mode),
  )
  directoryLaw('a file is written', file, ({ files, root }) => files.truncate(`${root}/d/f`, 1))
  directoryLaw('a file is removed', file, ({ files, root }) => files.remove(`${root}/d/f`))
  directoryLaw('a file is renamed over another', file, async ({ files, root }) => {
    await files.create(`${root}/new`, bytes('two'), mode)
    await files.rename(`${root}/new`, `${root}/d/f`)
  })
  directoryLaw('a file below is written', nested, ({ files, root }) => files.truncate(`${root}/d/sub/f`, 1))
  directoryLaw('a folder appears, and then a file in it', folder, async ({ files, root }) => {
    await files.makeDirectory(`${root}/d/sub`, { mode: 0o700 })
    await quiet(200)
    await files.create(`${root}/d/sub/f`, bytes('x'), mode)
  })
  directoryLaw('a link in it is swapped', linked, async ({ files, root }) => {
    await files.symlink('elsewhere', `${root}/v1/new`)
    await files.rename(`${root}/v1/new`, `${root}/v1/f`)
  })
  directoryLaw('it is itself a link that is swapped', linked, swap)
  directoryLaw('it is removed', folder, ({ files, root }) => files.removeDirectory(`${root}/d`))
  directoryLaw('it appears', async () => {}, folder)

  const heardAfter = (name: string, prepare: Step, upheaval: Step, change: Step, kind: 'directory' | 'file') =>
    test(`${kind}: ${name} and it is still heard`, { timeout: 20_000 }, async () => {
      const world = await make()
      const path = kind === 'directory' ? `${world.root}/d` : `${world.root}/d/f`
      await prepare(world)
      const counter = count()
      const stop = await world.watch[kind](path, counter.wake)
      await upheaval(world)
      await counter.next(0, later)
      await settle(counter)
      const before = counter.wakes()
      await change(world)
      await counter.next(before, soon)
      stop()
    })

  const write: Step = ({ files, root }) => files.create(`${root}/d/new`, bytes('x'), mode)
  heardAfter('it is removed and made anew', file, renew, write, 'directory')
  heardAfter('it is a link that is swapped', linked, swap, write, 'directory')
  heardAfter('it appears', async () => {}, folder, write, 'directory')
  const truncate: Step = ({ files, root }) => files.truncate(`${root}/d/f`, 1)
  const renewFile: Step = async (world) => {
    await renew(world)
    await world.files.create(`${world.root}/d/f`, bytes('two'), mode)
  }
  heardAfter('its folder is removed and made anew', file, renewFile, truncate, 'file')
  heardAfter('its folder appears', async () => {}, file, truncate, 'file')
  heardAfter('its folder is a link that is swapped', linked, swap, truncate, 'file')

  fileLaw('it appears', folder, ({ files, root }) => files.create(`${root}/d/f`, bytes('x'), mode))
  fileLaw('it is written', file, truncate)
  fileLaw('it is removed', file, ({ files, root }) => files.remove(`${root}/d/f`))
  fileLaw('it is renamed over', file, async ({ files, root }) => {
    await files.create(`${root}/new`, bytes('two'), mode)
    await files.rename(`${root}/new`, `${root}/d/f`)
  })
  test('file: what it leads to is written again and again', { timeout: 20_000 }, async () => {
    const { watch, files, root } = await make()
    await files.makeDirectory(`${root}/d`, { mode: 0o700 })
    await files.create(`${root}/target`, bytes('xxx'), mode)
    await files.symlink('../target', `${root}/d/f`)
    const counter = count()
    const stop = await watch.file(`${root}/d/f`, counter.wake)
    for (const size of [2, 1]) {
      const before = counter.wakes()
      await files.truncate(`${root}/target`, size)
      await counter.next(before, later)
    }
    stop()
  })
  fileLaw(
    'the link that its own link goes by is swapped, as in a mounted ConfigMap',
    async (world) => {
      await folder(world)
      for (const version of ['..v1', '..v2']) {
        await world.files.makeDirectory(`${world.root}/d/${version}`, { mode: 0o700 })
        await world.files.create(`${world.root}/d/${version}/f`, bytes(version), mode)
      }
      await world.files.symlink('..v1', `${world.root}/d/..data`)
      await world.files.symlink('..data/f', `${world.root}/d/f`)
    },
    async ({ files, root }) => {
      await files.symlink('..v2', `${root}/d/..new`)
      await files.rename(`${root}/d/..new`, `${root}/d/..data`)
    },
  )

  test('directory: who stops it in the middle of a wake hears no more', async () => {
    const world = await make()
    await linked(world)
    const counter = count()
    const stop = await world.watch.directory(`${world.root}/d`, () => {
      counter.wake()
      stop()
    })
    await swap(world)
    await counter.next(0, soon)
    await write(world)
    await quiet(500)
    expect(counter.wakes()).toBe(1)
  })

  test('file: its neighbours wake nobody', async () => {
    const world = await make()
    await file(world)
    const counter = count()
    const stop = await world.watch.file(`${world.root}/d/f`, counter.wake)
    await world.files.create(`${world.root}/d/other`, bytes('x'), mode)
    await quiet(300)
    expect(counter.wakes()).toBe(0)
    stop()
  })

  for (const kind of ['directory', 'file'] as const) {
    test(`${kind}: nothing wakes when nothing happens, nor after it was stopped, twice`, {
      timeout: 20_000,
    }, async () => {
      const world = await make()
      await nested(world)
      const counter = count()
      const stop = await world.watch[kind](`${world.root}/d`, counter.wake)
      await world.files.list(`${world.root}/d`, 9)
      await world.files.read(`${world.root}/d/sub/f`, 9)
      await quiet(3000)
      expect(counter.wakes()).toBe(0)
      stop()
      stop()
      await world.files.create(`${world.root}/d/late`, bytes('x'), mode)
      await world.files.removeDirectory(`${world.root}/d`).catch(() => {})
      await quiet(300)
      expect(counter.wakes()).toBe(0)
    })
  }
}

type Step = (world: WatchWorld) => Promise<void>

export const quiet = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds))

/** Watches, does `change`, and waits for a wake that comes after it. */
export async function woken(
  start: (wake: () => void) => Promise<Stop>,
  change: () => Promise<void>,
  within = soon,
): Promise<void> {
  const counter = count()
  const stop = await start(counter.wake)
  try {
    await settle(counter)
    const before = counter.wakes()
    await change()
    await counter.next(before, within)
  } finally {
    stop()
  }
}

/** Counts wakes; `next` waits until there are more than `before`. */
export function count() {
  let wakes = 0
  return {
    wake: () => {
      wakes += 1
    },
    wakes: () => wakes,
    next: async (before: number, within: number) => {
      for (const until = performance.now() + within; wakes <= before; await quiet(2)) {
        if (performance.now() > until) throw new Error(`no wake within ${within} ms (${wakes} before)`)
      }
    },
  }
}

/** Waits until no wake has come for a while. */
export async function settle(counter: { wakes(): number }): Promise<void> {
  for (let before = -1; before !== counter.wakes(); ) {
    before = counter.wakes()
    await quiet(150)
  }
}
