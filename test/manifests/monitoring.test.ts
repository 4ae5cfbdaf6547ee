import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { newMetrics } from '../../src/controller/metrics.ts'
import { FakeController } from '../controller/fake-controller.ts'
import { Stage } from '../source/stage.ts'

const folder = join(import.meta.dirname, '../../manifests/monitoring')
const rules = parse(readFileSync(join(folder, 'rules.yaml'), 'utf8')).spec.groups.flatMap(
  (group: { rules: Rule[] }) => group.rules,
) as Rule[]
const dashboard = JSON.parse(readFileSync(join(folder, 'dashboard.json'), 'utf8')) as Dashboard

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly annotations: { readonly summary: string; readonly description: string }
}

interface Dashboard {
  readonly templating: { readonly list: readonly { readonly type: string; readonly query: string }[] }
  readonly panels: readonly {
    readonly title: string
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
    readonly targets: readonly { readonly expr: string }[]
  }[]
}

const metrics = newMetrics(new FakeController(new Stage()).value)
afterAll(() => metrics.stop())

/** What there is: names as they are scraped, and the labels that ours have in the code. */
async function scraped(): Promise<ReadonlySet<string>> {
  const types = [...(await metrics.text()).matchAll(/^# TYPE (\S+) (\S+)$/gm)]
  return new Set(
    types.flatMap(([, name, type]) =>
      type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => `${name}${end}`) : [name!],
    ),
  )
}

const expressions = [
  ...rules.map(({ alert, expr }) => [alert, expr] as const),
  ...dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const)),
  ...dashboard.templating.list.flatMap(({ type, query }) => (type === 'query' ? [['templating', query] as const] : [])),
]

test('every metric that alerts and panels name exists', async () => {
  const there = await scraped()
  const named = expressions.flatMap(([where, text]) =>
    [...text.matchAll(/\b(?:moorage|process|nodejs)_\w+/g)].map(([name]) => ({ where, name })),
  )
  expect(named.length).toBeGreaterThan(20)
  expect(named.filter(({ name }) => !there.has(name))).toEqual([])
})

test('what is measured of VMs is all shown or watched', async () => {
  const text = expressions.map(([, each]) => each).join('\n')
  const ours = [...(await scraped())].filter((name) => name.startsWith('moorage_') && !/_(sum|count)$/.test(name))
  expect(ours.filter((name) => !text.includes(name))).toEqual([])
})

test('labels that are grouped or selected by exist', () => {
  const source = readFileSync(join(import.meta.dirname, '../../src/controller/metrics.ts'), 'utf8')
  const ours = [...source.matchAll(/labelNames: \[([^\]]*)\]/g)].flatMap(([, list]) => list!.match(/\w+/g) ?? [])
  const known = new Set([...ours, 'instance', 'le'])
  const used = expressions.flatMap(([where, text]) => {
    const by = [...text.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, list]) => list!.match(/\w+/g) ?? [])
    const selected = [...text.matchAll(/(\w+)=~?"/g)].map(([, label]) => label!)
    return [...by, ...selected].map((label) => ({ where, label }))
  })
  expect(used.length).toBeGreaterThan(20)
  expect(used.filter(({ label }) => !known.has(label))).toEqual([])
})

test('parentheses and quotes of every expression close', () => {
  for (const [where, text] of expressions) {
    for (const [open, close] of ['()', '[]', '{}'])
      expect(text.split(open!).length, `${where}: ${open}`).toBe(text.split(close!).length)
    expect((text.match(/"/g) ?? []).length % 2, where).toBe(0)
  }
})

test('an alert says what is so, and what to do', () => {
  for (const { alert, annotations } of rules) {
    expect(annotations.summary, alert).toMatch(/\.$/)
    expect(annotations.description, alert).toMatch(/\.$/)
  }
})

test('no panel lies on another', () => {
  const cells = dashboard.panels.flatMap(({ title, gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, i) => ({ title, cell: `${x + (i % w)},${y + Math.floor(i / w)}` })),
  )
  const seen = new Map<string, string>()
  for (const { title, cell } of cells) {
    expect(seen.get(cell), `${title} at ${cell}`).toBeUndefined()
    seen.set(cell, title)
  }
})
