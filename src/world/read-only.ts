import { FileError, type Files } from './files.ts'
import type { World } from './world.ts'

/**
 * The same world with nothing in it that can be changed: files that are written are as if they had been, and are not;
 * spawning, signalling, listening and changing the network throw. A whole controller in it can look and plan, so that a
 * plan needs no code path of its own. Programs are still run to their end: looking takes some.
 */
export function readOnlyWorld({ net, process, files, stream, watch, clock, random }: World): World {
  return {
    files: readOnlyFiles(files),
    net: { dump: (signal) => net.dump(signal), commit: () => refuse('change the network') },
    process: {
      bootId: () => process.bootId(),
      list: (uids) => process.list(uids),
      run: (spec, signal) => process.run(spec, signal),
      spawn: () => refuse('start a process'),
      signal: () => refuse('signal a process'),
    },
    stream: {
      connect: (path, signal) => stream.connect(path, signal),
      reachTcp: (host, port, timeout, signal) => stream.reachTcp(host, port, timeout, signal),
      getStatus: (host, port, path, timeout, signal) => stream.getStatus(host, port, path, timeout, signal),
      request: (address, method, path, body, signal) => stream.request(address, method, path, body, signal),
      listen: () => refuse('listen'),
      serve: () => refuse('serve'),
    },
    watch,
    clock,
    random,
  }
}

/** The files of {@link readOnlyWorld}. */
export function readOnlyFiles(files: Files): Files {
  const made = new Set<string>()
  const nothing = async () => {}
  return {
    read: (path, limit) => files.read(path, limit),
    readBeneath: (root, relative, limit) => files.readBeneath(root, relative, limit),
    readFollowing: (path, limit) => files.readFollowing(path, limit),
    stat: (path) => files.stat(path),
    statFollowing: (path) => files.statFollowing(path),
    statBeneath: (root, relative) => files.statBeneath(root, relative),
    hashBeneath: (root, relative, signal) => files.hashBeneath(root, relative, signal),
    /** A folder that was only said to be made is empty. */
    list: (path, limit) => files.list(path, limit).catch((error: unknown) => emptyIf(made.has(path), error)),
    listFollowing: (path, limit) => files.listFollowing(path, limit),
    readLink: (path) => files.readLink(path),
    free: (path) => files.free(path),
    makeDirectory: async (path) => void made.add(path),
    create: nothing,
    createSparse: nothing,
    sync: nothing,
    rename: nothing,
    truncate: nothing,
    chown: nothing,
    chmod: nothing,
    symlink: nothing,
    remove: nothing,
    removeDirectory: nothing,
    lock: async () => ({ release: nothing }),
  }
}

function emptyIf(made: boolean, error: unknown): readonly [] {
  if (made && error instanceof FileError && error.code === 'ENOENT') return []
  throw error
}

function refuse(what: string): Promise<never> {
  return Promise.reject(new Error(`this only looks; it does not ${what}`))
}
