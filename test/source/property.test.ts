import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { SourceView } from '../../src/source/source.ts'
import { all, MANIFESTS, network, never, Stage, vm } from './stage.ts'
import { Witness } from './witness.ts'

const names = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6'] as const
const paths = ['a.yaml', 'b.yaml', 'c.yaml', 'sub/d.yaml'] as const

type Name = (typeof names)[number]

interface Document {
  readonly name: Name
  readonly vcpu: number
}

/** What somebody put into a file. `field`: every document has a bad field; `cut`: good documents, then half of one. */
interface Content {
  readonly documents: readonly Document[]
  readonly fault: 'none' | 'empty' | 'syntax' | 'field' | 'cut'
}

type Step =
  | { readonly do: 'write'; readonly path: string; readonly content: Content; readonly fresh: boolean }
  | { readonly do: 'remove'; readonly path: string }
  | { readonly do: 'move'; readonly path: string; readonly to: string }
  | { readonly do: 'list'; readonly after: number }
  | { readonly do: 'restart' }
  | { readonly do: 'finish' }

const content: fc.Arbitrary<Content> = fc.record({
  documents: fc.uniqueArray(fc.record({ name: fc.constantFrom(...names), vcpu: fc.integer({ min: 1, max: 4 }) }), {
    minLength: 1,
    maxLength: 3,
    selector: ({ name }) => name,
  }),
  fault: fc.oneof(
    { weight: 3, arbitrary: fc.constant('none' as const) },
    { weight: 2, arbitrary: fc.constantFrom('empty' as const, 'syntax' as const, 'field' as const, 'cut' as const) },
  ),
})
const path = fc.constantFrom(...paths)
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('write' as const), path, content, fresh: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), path }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('move' as const), path, to: path }) },
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('list' as const), after: fc.constantFrom(0, 300, 1000, 5000) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('finish' as const) }) },
  ),
  { minLength: 3, maxLength: 25 },
)

/** A stage, what is in its files, and what every view must keep to. */
class Model {
  readonly stage = new Stage()
  readonly files = new Map<string, Content>()
  readonly witness = new Witness()
  /** Since which list an object has been in no file, by key. */
  readonly absentSince = new Map<string, number>()

  constructor() {
    // One that stays, so that the directory is never empty.
    this.stage.write({ 'anchor.yaml': network('anchor') })
  }

  async run(step: Step): Promise<void> {
    switch (step.do) {
      case 'write':
        this.write(step)
        break
      case 'remove':
        if (this.files.delete(step.path)) this.stage.remove(step.path)
        break
      case 'move':
        this.move(step.path, step.to)
        break
      case 'list':
        this.stage.now += step.after
        this.check(await this.stage.list())
        break
      case 'restart':
        this.stage.restart()
        break
      case 'finish':
        await this.finish()
    }
  }

  write({ path: at, content: what, fresh }: Extract<Step, { do: 'write' }>): void {
    const full = `${MANIFESTS}/${at}`
    if (fresh && this.files.has(at)) this.stage.files.replace(full, textOf(what))
    else this.stage.files.write(full, textOf(what))
    this.files.set(at, what)
  }

  move(from: string, to: string): void {
    const what = this.files.get(from)
    if (what === undefined || from === to) return
    this.stage.files.move(`${MANIFESTS}/${from}`, `${MANIFESTS}/${to}`)
    this.files.delete(from)
    this.files.set(to, what)
  }

  async finish(): Promise<void> {
    const view = await this.stage.list()
    this.check(view)
    for (const { key, uid, deletion } of view.objects) {
      if (deletion === null) continue
      await this.stage.source.finish(key, uid)
      this.witness.finish(key)
    }
  }

  check(view: SourceView): void {
    const buried = new Set(keys.filter((key) => this.witness.saw(key)))
    this.witness.see(view)
    expect(view.hold === null || view.hold.startsWith('not every manifest')).toBe(true)
    for (const key of keys) this.checkObject(key, view, buried.has(key))
  }

  checkObject(key: string, { objects }: SourceView, wasBuried: boolean): void {
    const found = objects.find((each) => each.key === key)
    const claims = this.claims(key)
    if (claims.length > 0) this.absentSince.delete(key)
    else if (!this.absentSince.has(key)) this.absentSince.set(key, this.stage.now)
    const deleted = found !== undefined && found.deletion !== null
    if (claims.length === 1 && claims[0]!.good) {
      expect(found, `${key} is present and good`).toBeDefined()
      if (!deleted) expect(found?.object).toMatchObject({ spec: { vcpu: claims[0]!.vcpu } })
      if (!deleted) expect(found?.newer).toEqual([])
    }
    if (!deleted || wasBuried) return
    expect(claims, `${key} is deleted though a manifest speaks of it`).toEqual([])
    expect(this.stage.now - this.absentSince.get(key)!).toBeGreaterThanOrEqual(1000)
  }

  claims(key: string): readonly { good: boolean; vcpu: number }[] {
    return [...this.files.values()].flatMap(({ documents, fault }) => {
      if (fault === 'empty' || fault === 'syntax') return []
      const own = documents.filter(({ name }) => `MicroVM/default/${name}` === key)
      return own.map(({ vcpu }) => ({ good: fault !== 'field', vcpu }))
    })
  }

  /** Mends every file, lets everything settle: then what is told is what is there. */
  async end(): Promise<void> {
    const given = new Set<string>()
    for (const [at, what] of this.files) {
      const documents = what.documents.filter(({ name }) => !given.has(name))
      for (const { name } of documents) given.add(name)
      if (documents.length === 0) await this.run({ do: 'remove', path: at })
      else await this.run({ do: 'write', path: at, content: { documents, fault: 'none' }, fresh: true })
    }
    for (let time = 0; time < 3; time += 1) await this.run({ do: 'list', after: 1000 })
    await this.stage.source.confirm(keys, never)
    for (let time = 0; time < 2; time += 1) await this.run({ do: 'finish' })
    const view = await this.stage.list()
    expect(view.problems).toEqual([])
    expect(view.hold).toBeNull()
    expect(new Set(view.objects.map(({ ref }) => ref.name))).toEqual(new Set([...given, 'anchor']))
  }
}

const keys = names.map((name) => `MicroVM/default/${name}`)

function textOf({ documents, fault }: Content): string {
  if (fault === 'empty') return ''
  const texts = documents.map(({ name, vcpu }) => vm(name, fault === 'field' ? 'many' : vcpu))
  if (fault === 'syntax') return `${all(...texts)}  : ]\n`.replaceAll('---\n', '')
  return fault === 'cut' ? all(...texts, 'apiVersion: moorage.dev/v1alpha1\nkind: Mic\n') : all(...texts)
}

test('whatever is done to the files: good is told, bad keeps, gone is sure, uids stay', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (run) => {
      const model = new Model()
      for (const step of run) await model.run(step)
      await model.end()
    }),
    { numRuns: 300 },
  )
}, 120_000)
