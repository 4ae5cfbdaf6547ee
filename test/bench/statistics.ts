import type { Figure, Goal, Result, Sample } from './figure.ts'

/** The middle value, or the mean of the two in the middle. Throws a RangeError when there is none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('there is no median of nothing')
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** What the samples of a figure come to. A ratio is taken within each pair, since a machine's mood changes between them. */
export function resultOf(figure: Figure): Result {
  const ours = figure.samples.map((sample) => sample.ours)
  const bare = figure.samples.flatMap((sample) => sample.bare ?? [])
  const ratios = figure.samples.flatMap(ratioOf)
  const numbers = {
    bare: bare.length === 0 ? null : median(bare),
    ours: median(ours),
    least: Math.min(...ours),
    most: Math.max(...ours),
    ratio:
      ratios.length === 0 ? null : { median: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) },
  }
  return { ...figure, ...numbers, verdict: figure.goal === null ? null : verdict(figure.goal, numbers) }
}

function ratioOf({ bare, ours }: Sample): readonly number[] {
  return bare === null || bare === 0 ? [] : [ours / bare]
}

function verdict(goal: Goal, { ours, most, ratio }: Pick<Result, 'ours' | 'most' | 'ratio'>): 'ok' | 'over' {
  switch (goal.kind) {
    case 'ratio':
      // A ratio without a reference is not met.
      return ratio !== null && ratio.median <= goal.most ? 'ok' : 'over'
    case 'value':
      return most <= goal.most ? 'ok' : 'over'
    case 'spread':
      return ours <= goal.median && most <= goal.worst ? 'ok' : 'over'
  }
}
