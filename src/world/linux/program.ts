import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where tools are looked for: a user's own PATH often lacks the `sbin` folders that hold `ip` and `nft`. */
export const toolPath = [process.env.PATH, '/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin']
  .filter(Boolean)
  .join(delimiter)

/** All the environment a tool gets: messages in one language, nothing of ours that may hold a secret. */
export const toolEnvironment: Readonly<Record<string, string>> = { PATH: toolPath, LC_ALL: 'C' }

const found = new Map<string, string>()

/** The absolute path of a tool; throws a sentence when it is not installed. */
export function findProgram(name: string): string {
  const before = found.get(name)
  if (before !== undefined && isExecutable(before)) return before
  const path = search(name)
  found.set(name, path)
  return path
}

function search(name: string): string {
  for (const folder of toolPath.split(delimiter)) {
    const path = join(folder, name)
    if (folder.startsWith('/') && isExecutable(path)) return path
  }
  throw new Error(`${name} is not installed; install the package that has it, or put it on PATH`)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
