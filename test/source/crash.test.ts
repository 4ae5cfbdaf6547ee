import { describe, expect, test } from 'vitest'
import { FileError } from '../../src/world/files.ts'
import type { Call } from '../world/memory-files.ts'
import { all, MANIFESTS, network, never, STATE, Stage, secret, short, vm } from './stage.ts'
import { Witness } from './witness.ts'

/** Something that happens, and what must hold in the end however often it was interrupted. */
interface Story {
  readonly name: string
  readonly before: (stage: Stage) => Promise<void>
  /** Repeatable: it is run again after a crash. */
  readonly happens: (stage: Stage, witness: Witness) => Promise<void>
  readonly end: readonly string[]
  /** Stored versions of Secrets in the end. */
  readonly secrets: number
}

/** Lists now and twice more, so that everything that is to settle has settled. */
async function settled(stage: Stage, witness: Witness): Promise<void> {
  for (const time of [0, 1000, 2000, 1000]) {
    stage.now += time
    witness.see(await stage.list())
  }
}

/** What is asked of a source tells when the disk fails, and may be asked again; `list` never throws for it. */
async function insist<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof FileError)) throw error
    return ask()
  }
}

async function finishAll(stage: Stage, witness: Witness): Promise<void> {
  const view = await stage.list()
  witness.see(view)
  for (const { key, uid, deletion } of view.objects) {
    if (deletion === null) continue
    // From here on it may be gone or not, until the call comes back.
    witness.finish(key)
    await insist(() => stage.source.finish(key, uid))
  }
}

const manifests = { 'a.yaml': all(vm('a1'), network('net1')), 'b.yaml': vm('b1'), 's.yaml': secret('s1', 'one') }

function checkout(stage: Stage, revision: string, files: Readonly<Record<string, string>>): void {
  stage.files.unlink(MANIFESTS)
  for (const [path, text] of Object.entries(files)) stage.files.write(`/srv/git/${revision}/${path}`, text)
  stage.files.link(`/srv/git/${revision}`, MANIFESTS)
}

function object(text: string) {
  return JSON.parse(text)
}

const operation = object(
  '{"apiVersion":"moorage.dev/v1alpha1","kind":"MicroVMOperation","metadata":{"name":"op1","namespace":"default"},"spec":{"type":"Restart","microVM":{"name":"a1"}}}',
)
const applied = (value: string) =>
  object(
    `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s2","namespace":"default"},"stringData":{"key":"${value}"}}`,
  )

const stories: readonly Story[] = [
  {
    name: 'the first start',
    before: async (stage) => stage.write(manifests),
    happens: settled,
    end: ['a1@1', 'b1@1', 'net1@1', 's1@1'],
    secrets: 1,
  },
  {
    name: 'edits of everything',
    before: async (stage) => {
      stage.write(manifests)
      await stage.list()
      stage.write({
        'a.yaml': all(vm('a1', 2), network('net1', '10.2.0.0/24')),
        's.yaml': secret('s1', 'two'),
        'c.yaml': vm('c1'),
      })
    },
    happens: settled,
    end: ['a1@2', 'b1@1', 'c1@1', 'net1@2', 's1@2'],
    secrets: 1,
  },
  {
    name: 'deletions',
    before: async (stage) => {
      stage.write(manifests)
      await stage.list()
      stage.remove('a.yaml', 's.yaml')
    },
    happens: settled,
    end: ['a1@1†', 'b1@1', 'net1@1†', 's1@1†'],
    secrets: 1,
  },
  {
    name: 'deletions to their end',
    before: async (stage) => {
      stage.write(manifests)
      await stage.list()
      stage.remove('a.yaml', 's.yaml')
    },
    happens: async (stage, witness) => {
      await settled(stage, witness)
      await finishAll(stage, witness)
      await settled(stage, witness)
    },
    end: ['b1@1'],
    secrets: 0,
  },
  {
    name: 'made anew while the old one goes',
    before: async (stage) => {
      stage.write(manifests)
      await stage.list()
      stage.remove('a.yaml')
      await stage.listAfter(1000)
      stage.write({ 'a.yaml': vm('a1', 3) })
    },
    happens: async (stage, witness) => {
      await settled(stage, witness)
      await finishAll(stage, witness)
      await settled(stage, witness)
    },
    end: ['a1@1', 'b1@1', 's1@1'],
    secrets: 1,
  },
  {
    name: 'a link that is re-pointed',
    before: async (stage) => {
      checkout(stage, 'rev-1', manifests)
      await stage.listAfter(1000)
      checkout(stage, 'rev-2', { 'a.yaml': vm('a1', 2), 'b.yaml': vm('b1') })
    },
    happens: settled,
    end: ['a1@2', 'b1@1', 'net1@1†', 's1@1†'],
    secrets: 1,
  },
  {
    name: 'machine-made objects',
    before: async (stage) => {
      stage.write({ 'b.yaml': vm('b1') })
      await stage.list()
    },
    happens: async (stage, witness) => {
      await insist(() => stage.source.put([operation, applied('one')], never))
      witness.see(await stage.list())
      await insist(() => stage.source.put([applied('two')], never))
      witness.see(await stage.list())
      await insist(() => stage.source.delete(['MicroVMOperation/default/op1'], never))
      await settled(stage, witness)
    },
    end: ['b1@1', 'op1@1†', 's2@2'],
    secrets: 1,
  },
]

class Dead extends Error {}

/** What the kernel had written of itself when the power went, besides what was synced: directories by inode. */
const powerFailures: Readonly<Record<string, (inode: number) => boolean>> = {
  'nothing unsynced written': () => false,
  'even directories written': (inode) => inode % 2 === 0,
  'odd directories written': (inode) => inode % 2 === 1,
}

interface Played {
  readonly stage: Stage
  readonly witness: Witness
  /** The calls that the story made, as far as it came. */
  readonly calls: readonly Call['name'][]
}

/** Runs a story with a hook before each of its calls. */
async function play(story: Story, hook: (index: number, path: string) => void = () => {}): Promise<Played> {
  const stage = new Stage()
  await story.before(stage)
  stage.files.syncAll()
  stage.restart()
  const witness = new Witness()
  const first = stage.files.calls.length
  stage.files.hook = ({ index, path, phase }) => phase === 'before' && hook(index - first, path)
  try {
    await story.happens(stage, witness)
  } catch (error) {
    if (!(error instanceof Dead)) throw error
  }
  stage.files.hook = () => {}
  return { stage, witness, calls: stage.files.calls.slice(first).map(({ name }) => name) }
}

/** The calls that change something, by index; to die before a call is to die after the one before it. */
function changes(calls: Played['calls']): readonly number[] {
  const names = ['makeDirectory', 'create', 'rename', 'sync', 'remove']
  return calls.flatMap((name, index) => (names.includes(name) ? [index] : []))
}

function reads(calls: Played['calls']): readonly number[] {
  const changing = new Set(changes(calls))
  return calls.flatMap((_, index) => (changing.has(index) ? [] : [index]))
}

async function expectEnd(story: Story, stage: Stage, witness: Witness): Promise<void> {
  await repeat(story, stage, witness)
  const view = await stage.list()
  witness.see(view)
  // A put may be put again, and a stored Secret that cannot be read is accepted anew: there the generation may run ahead.
  const names = (all: readonly string[]) => [...all].sort().map((name) => name.replace(/^(s1|s2|op1)@\d/, '$1@'))
  expect(names(view.objects.map(short))).toEqual(names(story.end))
  expect(view.problems).toEqual([])
  expect(view.hold).toBeNull()
  stage.restart()
  witness.see(await stage.list())
  const stored = stage.files.everything(`${STATE}/secrets`).filter(({ type }) => type === 'file')
  expect(stored).toHaveLength(story.secrets)
  expect(stored.every(({ mode }) => mode === 0o400)).toBe(true)
}

/** What is under deletion already refuses to be put again: then the rest of the story is done. */
async function repeat(story: Story, stage: Stage, witness: Witness): Promise<void> {
  try {
    await story.happens(stage, witness)
  } catch (error) {
    if (!(error instanceof Error && error.name === 'RefusedError')) throw error
    await stage.source.put([applied('two')], never)
    await settled(stage, witness)
  }
}

async function dieAt(story: Story, at: number, end: (stage: Stage) => void): Promise<void> {
  const { stage, witness } = await play(story, (index) => {
    if (index >= at) throw new Dead()
  })
  end(stage)
  stage.source = stage.open()
  await expectEnd(story, stage, witness)
}

async function failAt(story: Story, at: number, code: string): Promise<void> {
  const { stage, witness } = await play(story, (index, path) => {
    if (index === at) throw new FileError(code, path, `${code} ${path}`)
  })
  await expectEnd(story, stage, witness)
}

describe.each(stories)('$name', (story) => {
  test('undisturbed', async () => {
    const { stage, witness, calls } = await play(story)
    expect(changes(calls).length).toBeGreaterThan(10)
    await expectEnd(story, stage, witness)
  })

  test('killed at every call', async () => {
    const { calls } = await play(story)
    for (const at of calls.keys()) await dieAt(story, at, (stage) => stage.files.kill())
  })

  test.each(Object.keys(powerFailures))('power lost at every change, %s', async (name) => {
    const { calls } = await play(story)
    for (const at of [...changes(calls), calls.length]) {
      await dieAt(story, at, (stage) => stage.files.losePower(powerFailures[name]))
    }
  })

  test('every call fails once', async () => {
    const { calls } = await play(story)
    for (const at of reads(calls)) await failAt(story, at, at % 2 === 0 ? 'EIO' : 'EACCES')
    for (const at of changes(calls)) await failAt(story, at, 'ENOSPC')
  })
})
