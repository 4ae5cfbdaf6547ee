import { describe, expect, test } from 'vitest'
import type { Figure, Goal, Sample } from './figure.ts'
import { median, resultOf } from './statistics.ts'
import { tableOf } from './table.ts'

const pair = (bare: number | null, ours: number): Sample => ({ bare, ours })
const figure = (samples: readonly Sample[], goal: Goal | null, note: string | null = null): Figure => ({
  name: 'file drop -> 10 VMs answer',
  unit: 'ms',
  samples,
  goal,
  note,
})

describe('median', () => {
  test('is the one in the middle, by size and not by text', () => {
    expect(median([100, 9, 20])).toBe(20)
  })
  test('is the mean of two in the middle', () => {
    expect(median([1, 2, 4, 100])).toBe(3)
  })
  test('of nothing is an error', () => {
    expect(() => median([])).toThrow(RangeError)
  })
})

describe('resultOf', () => {
  test('takes ratios within each pair, so that a slow minute spoils none', () => {
    const { ratio, bare, ours } = resultOf(figure([pair(10, 11), pair(100, 110), pair(30, 33)], null))
    expect(ratio?.median).toBeCloseTo(1.1)
    expect([bare, ours]).toEqual([30, 33])
  })
  test.each<[string, readonly Sample[], Goal, 'ok' | 'over']>([
    ['a ratio at its goal', [pair(100, 125)], { kind: 'ratio', most: 1.25 }, 'ok'],
    ['a ratio past it', [pair(100, 126)], { kind: 'ratio', most: 1.25 }, 'over'],
    ['a ratio is judged by its median', [pair(1, 1), pair(1, 1), pair(1, 9)], { kind: 'ratio', most: 1 }, 'ok'],
    ['a ratio without a reference', [pair(null, 1)], { kind: 'ratio', most: 2 }, 'over'],
    ['a value is judged by its worst', [pair(null, 1), pair(null, 4)], { kind: 'value', most: 3 }, 'over'],
    ['a spread within', [pair(null, 20), pair(null, 90)], { kind: 'spread', median: 60, worst: 100 }, 'ok'],
    ['a spread whose median is over', [pair(null, 70)], { kind: 'spread', median: 60, worst: 100 }, 'over'],
    [
      'a spread whose worst is over',
      [pair(null, 1), pair(null, 1), pair(null, 101)],
      { kind: 'spread', median: 60, worst: 100 },
      'over',
    ],
  ])('%s', (_, samples, goal, verdict) => {
    expect(resultOf(figure(samples, goal)).verdict).toBe(verdict)
  })
  test('without a goal there is no verdict', () => {
    expect(resultOf(figure([pair(1, 9)], null)).verdict).toBeNull()
  })
})

describe('tableOf', () => {
  test('has a line a figure, a note once, and no ratio where there is no reference', () => {
    const results = [
      figure([pair(235.4, 247.6), pair(200, 260)], { kind: 'ratio', most: 1.05 }, 'paused'),
      figure([pair(null, 78.36)], { kind: 'value', most: 80 }),
      figure([pair(null, 3)], null, 'paused'),
    ].map(resultOf)
    expect(tableOf(results).split('\n')).toEqual([
      'figure                          unit  bare  ours    range  ratio   of pairs  n    goal',
      '------------------------------  ----  ----  ----  -------  -----  ---------  -  ------  ----',
      'file drop -> 10 VMs answer [1]  ms     218   254  248-260   1.18  1.05-1.30  2  1.05 x  over',
      'file drop -> 10 VMs answer      ms          78.4                             1   <= 80  ok',
      'file drop -> 10 VMs answer [1]  ms             3                             1',
      '[1] paused',
      '',
    ])
  })
})
