/** One mistake, planted into one source file. */
export interface Bug {
  /** What it is called on the command line and in reports. */
  readonly name: string
  /** Below `src/`. */
  readonly file: string
  /** Occurs exactly once in that file. */
  readonly find: string
  readonly replace: string
  /** What a good programmer might have thought, or forgotten. */
  readonly why: string
  /** It shows on a cluster, and is looked for there. */
  readonly cluster?: boolean
}
