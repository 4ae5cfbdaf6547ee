/** What `lstat` says, as far as anything here asks. */
export interface Stat {
  readonly type: 'file' | 'directory' | 'symlink' | 'other'
  readonly size: number
  /** Bytes really allocated. */
  readonly allocated: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /**
   * `device:inode:birth`: the identity of what is there now. Without the time of birth it would be none: ext4 gives the
   * number of a removed directory to the next one.
   */
  readonly identity: string
  readonly modifiedAt: number
}

export interface Entry {
  readonly name: string
  readonly type: Stat['type']
}

export interface CreateOptions {
  readonly mode: number
  readonly uid?: number
  readonly gid?: number
}

export interface FileOptions extends CreateOptions {
  /** Whether it is fsynced; default true. False for what does not outlive the host, or is made anew when it is lost. */
  readonly durable?: boolean
}

/** Held until released or until this process dies; see flock(2). */
export interface Lock {
  release(): Promise<void>
}

/** Why an operation on a path failed; `code` is the errno name. */
export class FileError extends Error {
  readonly code: string
  readonly path: string
  constructor(code: string, path: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'FileError'
    this.code = code
    this.path = path
  }
}

/**
 * Files of this host. Paths are absolute. Every call may throw a {@link FileError}. Nothing follows a symbolic link in
 * the last component unless its name says so; `*Beneath` calls follow none in any component below `root`.
 */
export interface Files {
  /** The whole file; throws `EFBIG` when it holds more than `limit` bytes, `EINVAL` when it is not a regular file. */
  read(path: string, limit: number): Promise<Uint8Array>
  /** As `read`, for a path that somebody else chose: relative to `root`, opened component by component. */
  readBeneath(root: string, relative: string, limit: number): Promise<Uint8Array>
  /** As `read`, links followed: for a directory whose owner may arrange it by links (a git checkout, a ConfigMap). */
  readFollowing(path: string, limit: number): Promise<Uint8Array>
  /** null when there is nothing. */
  stat(path: string): Promise<Stat | null>
  statFollowing(path: string): Promise<Stat | null>
  statBeneath(root: string, relative: string): Promise<Stat | null>
  /** SHA-256 of a file below `root`, in hex. */
  hashBeneath(root: string, relative: string, signal: AbortSignal): Promise<string>
  /** Sorted by name; throws `E2BIG` past `limit` entries. */
  list(path: string, limit: number): Promise<readonly Entry[]>
  /** As `list`, for a directory that may itself be reached by a link (a git checkout, a ConfigMap). */
  listFollowing(path: string, limit: number): Promise<readonly Entry[]>
  /** Makes the directory or, when it is there, sets its mode and owner. */
  makeDirectory(path: string, options: CreateOptions): Promise<void>
  /** A new file, written and fsynced; throws `EEXIST`. */
  create(path: string, bytes: Uint8Array, options: FileOptions): Promise<void>
  /** A new file of that size without bytes; throws `EEXIST`. */
  createSparse(path: string, size: number, options: CreateOptions): Promise<void>
  /** fsync of a file or of a directory. */
  sync(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  truncate(path: string, size: number): Promise<void>
  chown(path: string, uid: number, gid: number): Promise<void>
  chmod(path: string, mode: number): Promise<void>
  symlink(target: string, path: string): Promise<void>
  /** null when there is nothing or no link. */
  readLink(path: string): Promise<string | null>
  /** Unlinks one file; nothing when there is none. */
  remove(path: string): Promise<void>
  /** Removes an empty directory; nothing when there is none. */
  removeDirectory(path: string): Promise<void>
  /** null when somebody else holds it. */
  lock(path: string): Promise<Lock | null>
  /** Bytes that may still be written below `path`. */
  free(path: string): Promise<number>
}
