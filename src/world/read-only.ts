import { FileError, type Files, type Lock } from './files.ts'
import type { World } from './world.ts'

/**
 * The same world with nothing in it that can be changed: files that are written are as if they had been, and are not;
 * spawning, signalling, listening and changing the network throw. A whole controller in it can look and plan, so that a
 * plan needs no code path of its own. Programs are still run to their end: looking takes some.
 */
export function readOnlyWorld(world: World): World {
  return {
    ...world,
    files: readOnlyFiles(world.files),
    net: { ...world.net, commit: () => refuse('change the network') },
    process: { ...world.process, spawn: () => refuse('start a process'), signal: () => refuse('signal a process') },
    stream: { ...world.stream, listen: () => refuse('listen'), serve: () => refuse('serve') },
  }
}

/** The files of {@link readOnlyWorld}. */
export function readOnlyFiles(files: Files): Files {
  const made = new Set<string>()
  const nothing = async () => {}
  return {
    ...files,
    /** A folder that was only said to be made is empty. */
    list: (path, limit) => files.list(path, limit).catch((error: unknown) => emptyIf(made.has(path), error)),
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
    lock: async (): Promise<Lock> => ({ release: nothing }),
  }
}

function emptyIf(made: boolean, error: unknown): readonly [] {
  if (made && error instanceof FileError && error.code === 'ENOENT') return []
  throw error
}

function refuse(what: string): Promise<never> {
  return Promise.reject(new Error(`this only looks; it does not ${what}`))
}
