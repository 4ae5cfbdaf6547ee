import { basename, dirname } from 'node:path'
import type { Clock } from '../clock.ts'
import type { Stop } from '../watch.ts'
import { type FolderWatch, watchFolder } from './watch-folder.ts'

/** Wakes when the file at `path`, which need not exist, may have changed. */
export type WatchFile = (path: string, wake: () => void) => Stop

/** Files are watched by their folders, each of which is watched once: a thousand secrets often lie in one. */
export function fileWatch(clock: Clock): WatchFile {
  const folders = new Map<string, FolderWatch>()
  const folderAt = (path: string) => {
    const folder = folders.get(path) ?? watchFolder(path, clock)
    folders.set(path, folder)
    return folder
  }
  return (path, wake) => {
    const folder = folderAt(dirname(path))
    const member = folder.add(basename(path), wake)
    let stopped = false
    return () => {
      if (stopped) return
      stopped = true
      if (folder.remove(member)) folders.delete(dirname(path))
    }
  }
}
