import type { Stage } from '../stage.ts'

/** One story that chance tells too seldom: somebody does a thing on purpose, and it is known what must come of it. */
export interface Drill {
  readonly name: string
  play(stage: Stage): Promise<void>
}

/** Milliseconds of virtual time in which a start or a stop comes to its end. */
export const enough = 40_000
