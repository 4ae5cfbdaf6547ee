/** What one run came to. `Kind`: what was killed or cut, in a word or two. */
export interface Run<Kind extends string = string> {
  readonly seed: number
  readonly kills: readonly Kind[]
  /** What was done, in order. */
  readonly changes: readonly string[]
  /** What was wrong, a sentence each. */
  readonly violations: readonly string[]
  readonly looks: number
  /** Until it was at rest after the last kill. */
  readonly restMilliseconds: number
  readonly milliseconds: number
  /** The logs, when something was wrong. */
  readonly log: string
}
