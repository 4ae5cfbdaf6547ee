import type { BigIntStats, Dirent } from 'node:fs'
import type { Entry, Stat } from '../files.ts'

/** 64-bit inode numbers do not fit a double, hence the big integers. */
export function toStat(stats: BigIntStats): Stat {
  return {
    type: typeOf(stats),
    size: Number(stats.size),
    allocated: Number(stats.blocks) * 512,
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    identity: identityOf(stats),
    modifiedAt: Number(stats.mtimeNs / 1000n) / 1000,
  }
}

/** See {@link Stat.identity}. The time of birth is 0 on file systems that keep none; statx(2). */
export function identityOf({ dev, ino, birthtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${birthtimeNs}`
}

/** The kind of a file or of a directory entry. */
export function typeOf(stats: BigIntStats | Dirent): Entry['type'] {
  if (stats.isFile()) return 'file'
  if (stats.isDirectory()) return 'directory'
  return stats.isSymbolicLink() ? 'symlink' : 'other'
}
