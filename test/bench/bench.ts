import type { Figure } from './figure.ts'
import type { Stage } from './stage.ts'

/** Some figures that are measured together. */
export interface Bench {
  /** For `--only`. */
  readonly name: string
  /** What is measured and how, in one sentence. */
  readonly what: string
  /** Finds the host clear and leaves it so. Throws {@link Skipped} where it cannot be measured. */
  run(stage: Stage): Promise<readonly Figure[]>
}

/** Why something is not measured here, in a sentence. */
export class Skipped extends Error {}
