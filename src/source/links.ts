import type { Files } from '../world/files.ts'

/** Links that are followed on the way to one directory, as in the kernel. */
const MAX_LINKS = 40

/** Where a path really leads, and by which links. */
export interface Resolved {
  /** Absolute, without a link in it. */
  readonly path: string
  /** As in Stat: tells what is there from what was there before. */
  readonly identity: string
  /** Each link on the way as `path -> target`, in order. */
  readonly links: readonly string[]
}

/**
 * Follows every link in an absolute path, component by component, so that the whole way is known and not merely its end:
 * a checkout is replaced by re-pointing one link somewhere along it. null when something on the way is missing.
 */
export async function resolveLinks(files: Files, path: string): Promise<Resolved | null> {
  const links: string[] = []
  const rest = partsOf(path)
  let done = ''
  while (rest.length > 0) {
    const part = rest.shift()!
    if (part === '..') {
      done = done.slice(0, Math.max(0, done.lastIndexOf('/')))
      continue
    }
    const next = `${done}/${part}`
    const target = await files.readLink(next)
    if (target === null) {
      done = next
      continue
    }
    links.push(`${next} -> ${target}`)
    if (links.length > MAX_LINKS) return null
    rest.unshift(...partsOf(target))
    if (target.startsWith('/')) done = ''
  }
  const stat = await files.stat(done || '/')
  return stat === null ? null : { path: done || '/', identity: stat.identity, links }
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.')
}
