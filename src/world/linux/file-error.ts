import { getSystemErrorMap } from 'node:util'
import { FileError } from '../files.ts'

/** The errno name of what Node threw, `UNKNOWN` when it carries none. */
export function codeOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | null)?.code
  return typeof code === 'string' ? code : 'UNKNOWN'
}

/** True for the two codes that mean 'there is nothing at that path'. */
export function isMissing(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}

/** What the kernel calls an error, such as `permission denied`; Node's own message would show inner paths. */
export function describe(error: unknown): string {
  const errno = (error as NodeJS.ErrnoException | null)?.errno
  const known = typeof errno === 'number' ? getSystemErrorMap().get(errno)?.[1] : undefined
  return known ?? (error instanceof Error ? error.message : String(error))
}

/**
 * Does `work` and turns whatever it throws into a {@link FileError} of `path`, except the reason of an aborted `signal`.
 * `doing` reads as in `cannot read`.
 */
export async function attempt<T>(
  doing: string,
  path: string,
  work: () => T | Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof FileError || signal?.aborted) throw error
    const code = codeOf(error)
    throw new FileError(code, path, `cannot ${doing} ${path}: ${describe(error)} (${code})`, { cause: error })
  }
}
