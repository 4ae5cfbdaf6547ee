/** Bounds of one scan: what a directory of manifests may hold. */
export interface ScanLimits {
  /** Manifests in all. */
  readonly files: number
  /** Bytes of one manifest. */
  readonly fileBytes: number
  /** Bytes of all manifests. */
  readonly totalBytes: number
  /** Objects in all, good or bad. */
  readonly documents: number
  /** Entries of one directory, of whatever kind. */
  readonly entries: number
  /** Directories in all, those reached by links included. */
  readonly directories: number
  /** Directories inside one another. */
  readonly depth: number
}

const MIB = 1024 * 1024

export const scanLimits: ScanLimits = {
  files: 10_000,
  fileBytes: MIB,
  totalBytes: 64 * MIB,
  documents: 20_000,
  entries: 20_000,
  directories: 5_000,
  depth: 16,
}

/** Why a directory is not read to its end, to stand after its name. */
export function tooMuch(limit: string): string {
  return `holds more than ${limit}; those past that are not read: move some elsewhere`
}
