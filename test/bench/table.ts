import type { Goal, Result } from './figure.ts'

const heads = ['figure', 'unit', 'bare', 'ours', 'range', 'ratio', 'of pairs', 'n', 'goal', ''] as const

/** The results as text: a line each, then the notes by number. */
export function tableOf(results: readonly Result[]): string {
  const notes = [...new Set(results.flatMap(({ note }) => note ?? []))]
  const rows = [[...heads], ...results.map((result) => cellsOf(result, notes))]
  const widths = heads.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (isNumber(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd()
  const [head = [], ...body] = rows
  const rule = widths.map((width) => '-'.repeat(width)).join('  ')
  return [line(head), rule, ...body.map(line), ...notes.map((note, index) => `[${index + 1}] ${note}`), ''].join('\n')
}

/** Columns between the unit and the verdict are numbers. */
function isNumber(column: number): boolean {
  return column >= 2 && column <= 8
}

function cellsOf(result: Result, notes: readonly string[]): string[] {
  const { name, unit, bare, ours, least, most, ratio, samples, goal, note, verdict } = result
  const mark = note === null ? '' : ` [${notes.indexOf(note) + 1}]`
  return [
    `${name}${mark}`,
    unit,
    bare === null ? '' : number(bare),
    number(ours),
    samples.length > 1 ? `${number(least)}-${number(most)}` : '',
    ratio === null ? '' : ratio.median.toFixed(2),
    ratio === null || samples.length === 1 ? '' : `${ratio.least.toFixed(2)}-${ratio.most.toFixed(2)}`,
    String(samples.length),
    goal === null ? '' : sayGoal(goal),
    verdict ?? '',
  ]
}

function sayGoal(goal: Goal): string {
  if (goal.kind === 'ratio') return `${goal.most} x`
  return goal.kind === 'value' ? `<= ${number(goal.most)}` : `${goal.median}, worst ${goal.worst}`
}

/** Three digits that say something. */
function number(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 100) return String(Math.round(value))
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2)
}
