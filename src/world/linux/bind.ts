import { randomBytes } from 'node:crypto'
import { lchownSync, lstatSync, renameSync, rmSync } from 'node:fs'
import type { Server } from 'node:net'
import { basename, dirname } from 'node:path'
import { ConnectError } from '../stream.ts'
import { closingLater, pathOf, pinDirectory } from './descriptor.ts'
import { codeOf, describe } from './file-error.ts'
import { identityOf } from './stat.ts'
import { withUmask } from './umask.ts'

/** The kernel takes at most net.core.somaxconn, 4096 where nobody changed it. See listener.ts for why so many. */
const backlog = 4096

export interface Owner {
  readonly uid: number
  readonly gid: number
}

/**
 * Makes a server listen on a unix socket that appears at `path` whole: mode 0600, owned by `owner`, in place of whatever
 * was there. It is born under another name and renamed: Node unlinks the name it was born with when the server closes.
 * The folder is named by a descriptor, since sockaddr_un holds 107 bytes and a root may lie deep. Answers the identity of the
 * socket file.
 */
export async function bindUnix(server: Server, path: string, owner?: Owner): Promise<string> {
  try {
    return await closingLater(pinDirectory(dirname(path)), (directory) => publish(server, directory, path, owner))
  } catch (error) {
    server.close()
    throw listenError(error, path)
  }
}

/** The identity of what is at a path, null when nothing is. */
export function identityAt(path: string): string | null {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return stat === undefined ? null : identityOf(stat)
}

/** Why a server could not listen, in a sentence. */
export function listenError(error: unknown, where: string): ConnectError {
  return new ConnectError(codeOf(error), `cannot listen on ${where}: ${describe(error)} (${codeOf(error)})`)
}

async function publish(server: Server, directory: number, path: string, owner?: Owner): Promise<string> {
  const folder = pathOf(directory)
  const temporary = `${folder}/.moorage-${randomBytes(8).toString('hex')}`
  await listening(server, () => withUmask(0o177, () => server.listen({ path: temporary, backlog })))
  try {
    if (owner !== undefined) lchownSync(temporary, owner.uid, owner.gid)
    const identity = identityAt(temporary)
    renameSync(temporary, `${folder}/${basename(path)}`)
    return identity ?? ''
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

/** Resolves once `start` made the server listen, rejects with its error. */
export function listening(server: Server, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('listening', () => {
      server.off('error', reject)
      resolve()
    })
    start()
  })
}
