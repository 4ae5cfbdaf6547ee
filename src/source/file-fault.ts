import { FileError } from '../world/files.ts'

/** Why something could not be read, to stand after its name; anything but a {@link FileError} is thrown on. */
export function faultOf(error: unknown): string {
  if (!(error instanceof FileError)) throw error
  return words[error.code] ?? `cannot be read (${error.code}): mend it or take it away`
}

const words: Readonly<Record<string, string>> = {
  EACCES: 'cannot be read (permission denied): give it back its mode and owner',
  EPERM: 'cannot be read (operation not permitted): give it back its mode and owner',
  EFBIG: 'is too large: a manifest has at most 1 MiB, so split it',
  E2BIG: 'holds too many entries: move some elsewhere',
  ELOOP: 'is a ring of links: point the link at a file or directory',
  ENOENT: 'vanished while it was read',
  ENOTDIR: 'is not a directory any more',
  EINVAL: 'is not a regular file: put a file or a directory in its place',
  EIO: 'cannot be read (input/output error): look at the disk',
  ESTALE: 'cannot be read (stale file handle): mount it again',
}
