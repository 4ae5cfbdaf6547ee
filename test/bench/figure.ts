/** One measurement, with its bare reference of the same minute where it has one. */
export interface Sample {
  readonly bare: number | null
  readonly ours: number
}

export type Unit = 'ms' | 'ms CPU' | 'MB' | 'count'

/**
 * What a figure should be. `ratio`: the median of ours/bare; `value`: every sample; `spread`: median and worst of the
 * samples.
 */
export type Goal =
  | { readonly kind: 'ratio'; readonly most: number }
  | { readonly kind: 'value'; readonly most: number }
  | { readonly kind: 'spread'; readonly median: number; readonly worst: number }

/** A row of the table, before anything is worked out. */
export interface Figure {
  /** In few words: `file drop -> 50 VMs answer`. */
  readonly name: string
  readonly unit: Unit
  readonly samples: readonly Sample[]
  /** null: shown for comparison, held to nothing. */
  readonly goal: Goal | null
  /** What the reader has to know to read it right; null when the name says it all. */
  readonly note: string | null
}

/** A figure with what comes of its samples. */
export interface Result extends Figure {
  readonly bare: number | null
  readonly ours: number
  /** Of ours, over all samples. */
  readonly least: number
  readonly most: number
  /** Median of the ratios of each pair, and their range; null without a reference. */
  readonly ratio: { readonly median: number; readonly least: number; readonly most: number } | null
  /** null without a goal. */
  readonly verdict: 'ok' | 'over' | null
}
