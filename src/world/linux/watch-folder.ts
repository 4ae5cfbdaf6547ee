import { type BigIntStats, type FSWatcher, lstatSync, statSync, watch } from 'node:fs'
import { basename } from 'node:path'
import type { Clock } from '../clock.ts'
import type { Stop } from '../watch.ts'
import { identityOf } from './stat.ts'

/** Milliseconds between two looks at what inotify does not tell: a folder replaced, a link's target changed. */
const period = 2000

/** Somebody who wants to know about one name of a folder. */
interface Member {
  readonly name: string
  readonly wake: () => void
  /** What was at the name when it was last looked at. */
  seen: string
}

/** The names of one folder that are watched, by one inotify watch and one timer however many they are. */
export interface FolderWatch {
  add(name: string, wake: () => void): Member
  /** True when nobody is left; the watch is then closed. */
  remove(member: Member): boolean
}

/**
 * Watches the folder at `path`, which need not exist. A name that begins with `..` concerns everybody, as a mounted
 * ConfigMap is swapped by such a link; see https://kubernetes.io/docs/concepts/configuration/configmap.
 */
export function watchFolder(path: string, clock: Clock): FolderWatch {
  const members = new Set<Member>()
  let watcher: FSWatcher | null = null
  let anchor: string | null = null

  const drop = () => {
    watcher?.close()
    watcher = null
    anchor = null
  }
  /** The identity is taken first: a folder that is replaced in between is found at the next look. */
  const hold = () => {
    const identity = identityBehind(path)
    if (identity === anchor) return
    drop()
    if (identity === null) return
    try {
      watcher = watch(path, onEvent)
      watcher.on('error', drop)
      anchor = identity
    } catch {
      // No inotify watch left, or the folder has gone: the looks go on.
    }
  }
  const look = () => {
    hold()
    for (const member of members) {
      const now = fingerprint(`${path}/${member.name}`)
      if (now !== member.seen) tell(member, now)
    }
  }
  function onEvent(kind: string, what: string | null): void {
    // inotify tells the removal of the folder itself as a 'rename' of its own name.
    if (kind === 'rename' && what === basename(path)) look()
    for (const member of members) {
      if (what === null || what === member.name || what.startsWith('..'))
        tell(member, fingerprint(`${path}/${member.name}`))
    }
  }
  let cancel: Stop = () => {}
  const repeat = () => {
    cancel = clock.after(period, repeat)
    look()
  }
  cancel = clock.after(period, repeat)
  hold()
  return {
    add: (name, wake) => {
      const member = { name, wake, seen: fingerprint(`${path}/${name}`) }
      members.add(member)
      return member
    },
    remove: (member) => {
      members.delete(member)
      if (members.size > 0) return false
      cancel()
      drop()
      return true
    },
  }
}

function tell(member: Member, now: string): void {
  member.seen = now
  member.wake()
}

/** The identity of what a path leads to, null when that is nothing. */
export function identityBehind(path: string): string | null {
  const stat = quietly(() => statSync(path, lenient))
  return stat === undefined ? null : identityOf(stat)
}

/** Changes with what is at a path, with what a link there leads to and, for a file, with its content. */
function fingerprint(path: string): string {
  const there = quietly(() => lstatSync(path, lenient))
  if (!there?.isSymbolicLink()) return traits(there)
  return `${traits(there)} ${traits(quietly(() => statSync(path, lenient)))}`
}

function traits(stat: BigIntStats | undefined): string {
  if (stat === undefined) return ''
  return stat.isFile() ? `${identityOf(stat)} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}` : identityOf(stat)
}

const lenient = { bigint: true, throwIfNoEntry: false } as const

/** A path that cannot be looked at (a link loop, a permission) counts as nothing: a hint needs no reason. */
function quietly<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
