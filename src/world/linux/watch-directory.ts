import { watch as chokidar, type FSWatcher } from 'chokidar'
import type { Clock } from '../clock.ts'
import type { Stop } from '../watch.ts'
import { codeOf } from './file-error.ts'
import type { WatchFile } from './watch-file.ts'
import { identityBehind } from './watch-folder.ts'

/** Milliseconds until a tree must have been walked; a longer walk goes on, and wakes when it is done. */
const deadline = 10_000

/** Milliseconds before a watcher that failed is made anew: doubled each time, from the first to the last. */
const backoff = { first: 100, last: 10_000 }

/** Only these say that the watcher itself is not whole (inotify(7)); others concern one path below. */
const exhausted = new Set(['ENOSPC', 'EMFILE', 'ENFILE', 'ENOMEM'])

/**
 * Wakes on anything in or below the directory at `path`. chokidar goes deaf when the directory itself is removed and
 * made again, or when a link to it is swapped: so its name is watched too, and whenever it leads to another directory
 * than the one we listen to, chokidar starts anew. Without inotify watches left it is tried again and again, waking.
 */
export async function watchDirectory(
  path: string,
  wake: () => void,
  watchFile: WatchFile,
  clock: Clock,
): Promise<Stop> {
  let watcher: FSWatcher | null = null
  let anchor: string | null = null
  let wait: number = backoff.first
  let cancel: Stop = () => {}
  let stopped = false

  const tell = () => {
    if (!stopped) wake()
  }
  const drop = () => {
    void watcher?.close()
    watcher = null
    anchor = null
  }
  const mend = () => {
    drop()
    cancel()
    cancel = clock.after(wait, () => void hold().then(tell))
    wait = Math.min(wait * 2, backoff.last)
  }
  const hold = async () => {
    const identity = stopped ? null : identityBehind(path)
    if (identity === anchor) return
    drop()
    if (identity === null) return
    const fresh = open(path, tell)
    watcher = fresh
    anchor = identity
    fresh.on('error', (error) => {
      if (watcher === fresh && exhausted.has(codeOf(error))) mend()
      tell()
    })
    await ready(fresh, clock)
    if (watcher === fresh) wait = backoff.first
  }
  const stopName = watchFile(path, () => {
    tell()
    void hold().then(tell)
  })
  await hold()
  return () => {
    stopped = true
    stopName()
    cancel()
    drop()
  }
}

/**
 * `raw` is what inotify says, at once; `all` is what chokidar makes of it, with what it found in a folder that appeared.
 * `atomic: false`: else it holds an unlink back for 100 ms to see whether a file of that name comes.
 */
function open(path: string, wake: () => void): FSWatcher {
  return chokidar(path, { ignoreInitial: true, atomic: false, ignorePermissionErrors: true })
    .on('raw', wake)
    .on('all', wake)
}

/** Resolves when the tree has been walked, when that fails, or after the deadline. */
function ready(watcher: FSWatcher, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(deadline, resolve)
    const done = () => {
      cancel()
      resolve()
    }
    watcher.once('ready', done).once('error', done)
  })
}
